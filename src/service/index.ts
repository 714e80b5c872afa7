import { TaskClient } from '../client';
import type { Sealing } from '../config/sealing';
import type { TemporalSettings } from '../config/temporal-settings';
import type { Logger } from '../connector/connector';
import type { ConnectorRegistry } from '../connector/registry';
import type { Telemetry } from '../telemetry';
import { serve, type ServedService } from './definition';
import { createAgentMetadata } from './flyte1/agent-metadata';
import { createAsyncAgent } from './flyte1/async-agent';
import { createSyncAgent } from './flyte1/sync-agent';
import { createAsyncConnector } from './flyte2/async-connector';
import { createConnectorMetadata } from './flyte2/connector-metadata';
import {
  AgentMetadataService,
  AsyncAgentService,
  SyncAgentService,
} from './generated/flyteidl/service/agent_pb';
import { AsyncConnectorService, ConnectorMetadataService } from './generated/flyteidl2/connector/service_pb';
import { startListener, type Listener } from './listener';
import { createServiceMetrics } from './metrics';
import { startMetricsServer, type MetricsServer } from './metrics-server';
import { createTaskService, type TaskService } from './tasks';
import { openTemporalLink, type TemporalLink } from './temporal-link';
import type { TlsFiles } from './tls';

export type { TlsFiles } from './tls';

/** What the services serve, and where. */
export interface ServiceOptions {
  /** How Temporal is reached; or the plain address of a local one. It need not be there yet. */
  readonly temporal: TemporalSettings | string;
  readonly registry: ConnectorRegistry;
  readonly workflowTaskQueue: string;
  /** The operator's `secrets.allow`. */
  readonly secretsAllow: readonly string[];
  /** Seals what Flyte 2 sends along; without it such tasks are refused. */
  readonly sealing?: Sealing | undefined;
  /** Part of every task's id: tells Flyte clusters on one Temporal apart. */
  readonly cluster: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 8000; 0 takes a free one. */
  readonly port?: number;
  readonly tls?: TlsFiles;
  readonly authTokenFile?: string;
  /** Absent: no metrics are served. */
  readonly metrics?: { readonly host: string; readonly port: number };
  readonly drainNoticeMs?: number;
  /** A task's page in the Temporal UI, where one is known. */
  readonly taskUrl: (id: string) => string | undefined;
  readonly logger: Logger;
  /** Absent: nothing is traced. */
  readonly telemetry?: Pick<Telemetry, 'rpcTracer' | 'clientInterceptors'>;
}

/** The services, listening until {@link RunningService.drain}. */
export interface RunningService {
  readonly host: string;
  readonly port: number;
  readonly metricsPort?: number;
  /** Is Temporal there now? Known after the first look. */
  readonly temporalReachable: boolean;
  /** Says NOT_SERVING, lets calls end, ends. A second call waits for the first. */
  drain(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Kubernetes kills after 30 s by default; the notice and what is to be recorded come on top. */
const DRAIN_GRACE_MS = 15_000;
const RECORD_GRACE_MS = 5_000;

/**
 * Serves Flyte 1's and Flyte 2's connector APIs over the tasks of one Temporal namespace. Holds no state that another
 * replica would need: what it remembers only serves while Temporal is away.
 * @throws CONFIG when a port cannot be had or a file is not as it should be.
 */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { registry, logger, telemetry } = options;
  const metrics = createServiceMetrics(registry.all().map(({ taskCategory }) => taskCategory.name));
  const watching: { listener?: Listener; reachable: boolean } = { reachable: false };
  const link = openTemporalLink({
    settings: options.temporal,
    interceptors: telemetry?.clientInterceptors ?? {},
    onChange: (reachable) => {
      watching.reachable = reachable;
      watching.listener?.setTemporal(reachable);
      logger[reachable ? 'info' : 'warn'](reachable ? 'Temporal answers.' : OUT_OF_REACH);
    },
  });
  const onStaleAnswer = (): void => metrics.recordStaleAnswer();
  const tasks = createTaskService({ ...options, tasks: toTaskClient(options, link), onStaleAnswer });
  const parts = { link, tasks };
  try {
    await link.looked;
    const services = toServices(tasks);
    const instruments = { metrics, logger, tracer: telemetry?.rpcTracer };
    const listener = await startListener({ ...options, services, instruments });
    watching.listener = listener;
    listener.setTemporal(watching.reachable);
    const metricsServer = await startMetrics(options, metrics.registry, listener);
    return toRunning({ ...parts, listener, ...(metricsServer === undefined ? {} : { metricsServer }) });
  } catch (error) {
    await link.close();
    throw error;
  }
}

const OUT_OF_REACH =
  'Temporal does not answer. Known tasks get their last answer, new ones are refused until it is back.';

function toTaskClient(options: ServiceOptions, link: TemporalLink): TaskClient {
  const { registry, workflowTaskQueue, secretsAllow } = options;
  const { client, namespace } = link;
  return new TaskClient({
    client,
    namespace,
    registry,
    workflowTaskQueue,
    secretsAllow,
    get searchAttributes() {
      return link.searchAttributes;
    },
  });
}

function toServices(tasks: TaskService): ServedService[] {
  return [
    serve(AsyncAgentService, createAsyncAgent(tasks)),
    serve(SyncAgentService, createSyncAgent(tasks)),
    serve(AgentMetadataService, createAgentMetadata(tasks)),
    serve(AsyncConnectorService, createAsyncConnector(tasks)),
    serve(ConnectorMetadataService, createConnectorMetadata(tasks)),
  ];
}

async function startMetrics(
  { metrics }: ServiceOptions,
  registry: Parameters<typeof startMetricsServer>[0]['registry'],
  listener: Listener,
): Promise<MetricsServer | undefined> {
  if (metrics === undefined) return undefined;
  try {
    return await startMetricsServer({ ...metrics, registry });
  } catch (error) {
    await listener.drain({ graceMs: 0 });
    throw error;
  }
}

interface Parts {
  readonly link: TemporalLink;
  readonly tasks: ReturnType<typeof createTaskService>;
  readonly listener: Listener;
  readonly metricsServer?: MetricsServer;
}

function toRunning({ link, tasks, listener, metricsServer }: Parts): RunningService {
  const end = async (graceMs: number): Promise<void> => {
    await listener.drain({ graceMs });
    await tasks.prevention.settle(RECORD_GRACE_MS);
    await Promise.all([link.close(), metricsServer?.close()]);
  };
  let ended: Promise<void> | undefined;
  return {
    host: listener.host,
    port: listener.port,
    ...(metricsServer === undefined ? {} : { metricsPort: metricsServer.port }),
    get temporalReachable() {
      return link.reachable;
    },
    drain: ({ graceMs = DRAIN_GRACE_MS } = {}) => (ended ??= end(graceMs)),
  };
}
