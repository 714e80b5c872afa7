import { randomUUID } from 'node:crypto';

import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';

import type { AsyncConnector, JsonObject } from '../../src/connector';
import { ConnectorRegistry, parseTaskPolicy, TASK_WORKFLOW_TYPE } from '../../src/connector';
import { TaskClient, type TaskRequest } from '../../src/client';
import { toStartOptions } from '../../src/client/start-options';
import type { TaskInput } from '../../workflows/task-input';
import type { Sealing } from '../../src/config/sealing';
import { createSecretPort, startWorkers, type RunningWorkers } from '../../src/worker';
import { waitUntil } from './wait-until';

/** A client and workers for one test file, against the shared Temporal server and on task queues of their own. */
export interface TaskBench {
  readonly environment: TestWorkflowEnvironment;
  readonly registry: ConnectorRegistry;
  readonly tasks: TaskClient;
  readonly workflowTaskQueue: string;
  startWorkers(): Promise<RunningWorkers>;
  handle(id: string): WorkflowHandle;
  /** Starts a task with parts of the workflow's input that no client sets. */
  startWith(request: TaskRequest, parts: Partial<TaskInput>): Promise<string>;
  request(type: string, custom: JsonObject, policy?: JsonObject): TaskRequest;
  /** The event types of a task's history, in order. */
  events(id: string): Promise<string[]>;
  close(): Promise<void>;
}

export interface TaskBenchOptions {
  readonly connectors: readonly AsyncConnector[];
  readonly env?: Readonly<Record<string, string>>;
  readonly secretsAllow?: readonly string[];
  readonly troubleShownAfterMs?: number;
  /** Opens the credentials that come with tasks. */
  readonly sealing?: Sealing;
  readonly environment?: TestWorkflowEnvironment;
  readonly searchAttributes?: boolean;
  /** Of `environment`; what looks at whole namespaces needs one of its own. */
  readonly namespace?: string;
  readonly foreignAfterMs?: number;
}

export function installQuietRuntime(): void {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
}

export async function openTaskBench(options: TaskBenchOptions): Promise<TaskBench> {
  const environment = options.environment ?? (await connectToSharedServer());
  const registry = new ConnectorRegistry();
  for (const connector of options.connectors) registry.register(connector);
  const { env = {}, secretsAllow = [] } = options;
  const workflowTaskQueue = `test-${randomUUID()}`;
  const { client, nativeConnection: connection } = environment;
  const { namespace = 'default' } = options;
  const searchAttributes = options.searchAttributes ?? true;
  const running: RunningWorkers[] = [];
  return {
    environment,
    registry,
    workflowTaskQueue,
    tasks: new TaskClient({ client, namespace, registry, workflowTaskQueue, secretsAllow, searchAttributes }),
    startWorkers: async () => {
      const workers = await startWorkers({
        connection,
        client,
        namespace,
        registry,
        workflowTaskQueue,
        workflowBundlePath: process.env['TEST_WORKFLOW_BUNDLE'] ?? '',
        secrets: createSecretPort({
          ...{ env, allowed: secretsAllow, operatorSecrets: [], sealing: options.sealing },
        }),
        shutdownGraceMs: 500,
        ...(options.foreignAfterMs === undefined ? {} : { foreignAfterMs: options.foreignAfterMs }),
        ...(options.troubleShownAfterMs === undefined
          ? {}
          : { troubleShownAfterMs: options.troubleShownAfterMs }),
      });
      running.push(workers);
      return workers;
    },
    handle: (id) => client.workflow.getHandle(id),
    startWith: async ({ template, policy, id = randomUUID() }, parts) => {
      const connector = registry.getConnector(template.type, template.version);
      const { taskQueues, capabilities } = connector;
      const { fence, repair } = capabilities;
      const prepare = connector.needsPreparation?.(template) === true ? { prepare: true } : {};
      const input = {
        template,
        policy,
        routing: { ...taskQueues, fence, repair, ...prepare },
        searchAttributes,
        ...parts,
      };
      const plan = { id, input, fingerprint: '', startNonce: '', workflowTaskQueue, searchAttributes };
      await client.workflow.start(TASK_WORKFLOW_TYPE, toStartOptions({ ...plan, onEnded: 'refuse' }));
      return id;
    },
    request: (type, custom, policy) => ({
      id: `${type}-${randomUUID()}`,
      template: { type, version: 0, name: type, custom },
      policy: parseTaskPolicy({ pollMin: '1s', pollMax: '1s', ...policy }),
    }),
    events: async (id) => {
      const history = await client.workflow.getHandle(id).fetchHistory();
      return (history.events ?? []).map((event) => String(event.eventType));
    },
    close: async () => {
      await Promise.all(running.map((workers) => workers.shutdown()));
      await environment.teardown();
      await Runtime.instance().shutdown();
    },
  };
}

/** One for a whole test file, with its workers running. */
export async function openRunningBench(options: TaskBenchOptions): Promise<TaskBench> {
  installQuietRuntime();
  const bench = await openTaskBench(options);
  await bench.startWorkers();
  return bench;
}

async function connectToSharedServer(): Promise<TestWorkflowEnvironment> {
  const address = process.env['TEST_TEMPORAL_ADDRESS'] ?? '';
  return TestWorkflowEnvironment.createFromExistingServer({ address });
}

/** Waits until `describe` shows what is awaited. */
export async function untilStatus(
  bench: TaskBench,
  id: string,
  accept: (status: Awaited<ReturnType<TaskClient['get']>>) => boolean,
): Promise<Awaited<ReturnType<TaskClient['get']>>> {
  return waitUntil(`task ${id} to be as awaited`, async () => {
    const status = await bench.tasks.get(id);
    return accept(status) ? status : undefined;
  });
}
