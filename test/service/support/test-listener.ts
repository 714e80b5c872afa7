import type { JsonObject, Logger } from '../../../src/connector';
import { LonghaulError } from '../../../src/connector';
import { serve, type ServedService } from '../../../src/service/definition';
import {
  AgentMetadataService,
  AsyncAgentService,
  SyncAgentService,
} from '../../../src/service/generated/flyteidl/service/agent_pb';
import {
  AsyncConnectorService,
  ConnectorMetadataService,
} from '../../../src/service/generated/flyteidl2/connector/service_pb';
import type { Handlers } from '../../../src/service/handlers';
import { startListener, type Listener, type ListenerOptions } from '../../../src/service/listener';
import { createServiceMetrics, type ServiceMetrics } from '../../../src/service/metrics';

export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly fields: JsonObject | undefined;
}

export interface TestListener extends Listener {
  readonly metrics: ServiceMetrics;
  readonly log: readonly LogEntry[];
}

export interface TestHandlers {
  readonly agent?: Partial<Handlers<typeof AsyncAgentService>>;
  readonly sync?: Partial<Handlers<typeof SyncAgentService>>;
}

/** A listener on a free port with every Flyte service; what a test does not hand in answers UNSUPPORTED. */
export async function startTestListener(
  handlers: TestHandlers = {},
  options: Partial<ListenerOptions> = {},
): Promise<TestListener> {
  const { logger, log } = createRecordingLogger();
  const metrics = createServiceMetrics(['databricks']);
  const instruments = { logger, metrics };
  const services = flyteServices(handlers);
  const listener = await startListener({ port: 0, services, instruments, drainNoticeMs: 0, ...options });
  return { ...listener, metrics, log };
}

function flyteServices({ agent, sync }: TestHandlers = {}): ServedService[] {
  return [
    serve(AsyncAgentService, { ...asyncDefaults, ...agent }),
    serve(SyncAgentService, { executeTaskSync: nothing, ...sync }),
    serve(AgentMetadataService, { getAgent: refuse, listAgents: async () => ({ agents: [] }) }),
    serve(AsyncConnectorService, asyncDefaults),
    serve(ConnectorMetadataService, {
      getConnector: refuse,
      listConnectors: async () => ({ connectors: [] }),
    }),
  ];
}

const asyncDefaults = {
  createTask: refuse,
  getTask: refuse,
  deleteTask: refuse,
  getTaskMetrics: refuse,
  getTaskLogs: nothing,
};

async function refuse(): Promise<never> {
  throw new LonghaulError('UNSUPPORTED', 'This test serves nothing of the kind.');
}

async function* nothing(): AsyncGenerator<never> {
  // no replies
}

function createRecordingLogger(): { logger: Logger; log: LogEntry[] } {
  const log: LogEntry[] = [];
  const at =
    (level: string) =>
    (message: string, fields?: JsonObject): void => {
      log.push({ level, message, fields });
    };
  return { logger: { debug: at('debug'), info: at('info'), warn: at('warn') }, log };
}
