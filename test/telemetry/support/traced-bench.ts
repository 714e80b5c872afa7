import { randomBytes, randomUUID } from 'node:crypto';

import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { Client } from '@temporalio/client';

import { toStartOptions } from '../../../src/client/start-options';
import type { JsonObject } from '../../../src/connector';
import { TASK_WORKFLOW_TYPE } from '../../../src/connector/task-names';
import { startService, type RunningService } from '../../../src/service';
import { CreateTaskRequestSchema } from '../../../src/service/generated/flyteidl/admin/agent_pb';
import { AsyncAgentService } from '../../../src/service/generated/flyteidl/service/agent_pb';
import type { Telemetry } from '../../../src/telemetry';
import { createSecretPort, startWorkers, type RunningWorkers } from '../../../src/worker';
import { connect, type RpcClient } from '../../service/support/rpc-client';
import type { ScriptedConnector } from '../../support/scripted-connector';
import { openTaskBench, type TaskBench } from '../../support/task-bench';

/** A service and workers of one traced process, around a scripted external system. */
export interface TracedBench {
  readonly bench: TaskBench;
  startWorkers(): Promise<RunningWorkers>;
  stopWorkers(): Promise<void>;
  /** One CreateTask; gives the resource meta. */
  create(custom: JsonObject, traceparent?: string): Promise<Uint8Array>;
  get(resourceMeta: Uint8Array): Promise<void>;
  delete(resourceMeta: Uint8Array, traceparent: string): Promise<void>;
  /** Started by a traced client; it continues as new soon. */
  startLong(request: ReturnType<TaskBench['request']>): Promise<void>;
  close(): Promise<void>;
}

export interface TracedBenchOptions {
  readonly jobs: ScriptedConnector;
  readonly telemetry: Telemetry;
  readonly env: Readonly<Record<string, string>>;
}

export async function openTracedBench({ jobs, telemetry, env }: TracedBenchOptions): Promise<TracedBench> {
  const allowed = Object.keys(env).map((name) => `env:${name}`);
  const bench = await openTaskBench({ connectors: [jobs], env, secretsAllow: allowed });
  const service = await startTracedService(bench, telemetry, allowed);
  const calls = connect(service.port);
  const running: RunningWorkers[] = [];
  return {
    bench,
    startWorkers: async () => {
      const { registry, workflowTaskQueue, environment } = bench;
      const workers = await startWorkers({
        connection: environment.nativeConnection,
        client: environment.client,
        namespace: 'default',
        interceptors: telemetry.workerInterceptors,
        workflowBundlePath: process.env['TEST_WORKFLOW_BUNDLE'] ?? '',
        secrets: createSecretPort({ env, allowed, operatorSecrets: [] }),
        shutdownGraceMs: 500,
        ...{ registry, workflowTaskQueue },
      });
      running.push(workers);
      return workers;
    },
    stopWorkers: async () => {
      await Promise.all(running.splice(0).map((workers) => workers.shutdown()));
    },
    ...toCalls(calls, jobs.taskCategory),
    startLong: (request) => startLong(bench, telemetry, request),
    close: async () => {
      calls.close();
      await service.drain({ graceMs: 0 });
      await Promise.all(running.map((workers) => workers.shutdown()));
      await bench.close();
    },
  };
}

function startTracedService(
  { registry, workflowTaskQueue }: TaskBench,
  telemetry: Telemetry,
  secretsAllow: readonly string[],
): Promise<RunningService> {
  return startService({
    temporal: process.env['TEST_TEMPORAL_ADDRESS'] ?? '',
    cluster: `test-${randomUUID()}`,
    port: 0,
    drainNoticeMs: 0,
    taskUrl: () => undefined,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    ...{ registry, workflowTaskQueue, telemetry, secretsAllow },
  });
}

function toCalls(
  calls: RpcClient,
  taskCategory: ScriptedConnector['taskCategory'],
): Pick<TracedBench, 'create' | 'get' | 'delete'> {
  const { createTask, getTask, deleteTask } = AsyncAgentService.method;
  return {
    create: async (custom, traceparent) => {
      const request = fromJson(CreateTaskRequestSchema, toRequest(taskCategory.name, custom) as JsonValue); // ours is read-only
      const metadata: Record<string, string> = traceparent === undefined ? {} : { traceparent };
      return (await calls.unary(createTask, request, { metadata })).resourceMeta;
    },
    get: async (resourceMeta) => {
      await calls.unary(getTask, { resourceMeta, taskCategory });
    },
    delete: async (resourceMeta, traceparent) => {
      await calls.unary(deleteTask, { resourceMeta, taskCategory }, { metadata: { traceparent } });
    },
  };
}

function toRequest(type: string, custom: JsonObject): JsonObject {
  const executionId = { project: 'p', domain: 'd', name: randomUUID() };
  const taskId = { resourceType: 'TASK', project: 'p', domain: 'd', name: 't', version: 'v1' };
  const nodeExecutionId = { nodeId: 'n0', executionId };
  return {
    template: { type, id: taskId, custom },
    inputs: { literals: { said: { scalar: { primitive: { stringValue: JSON.stringify(custom) } } } } },
    outputPrefix: 's3://example/out',
    taskExecutionMetadata: { taskExecutionId: { taskId, nodeExecutionId, retryAttempt: 0 } },
  };
}

async function startLong(
  bench: TaskBench,
  telemetry: Telemetry,
  { id = '', template, policy }: ReturnType<TaskBench['request']>,
): Promise<void> {
  const { connection } = bench.environment;
  const client = new Client({ connection, interceptors: telemetry.clientInterceptors });
  const { taskQueues, capabilities } = bench.registry.getConnector(template.type, template.version);
  const { fence, repair } = capabilities;
  const routing = { ...taskQueues, fence, repair };
  const input = { template, policy, routing, searchAttributes: true, continueAfterEvents: 12 };
  const { workflowTaskQueue } = bench;
  const plan = { id, input, fingerprint: '', startNonce: '', workflowTaskQueue, searchAttributes: true };
  await client.workflow.start(TASK_WORKFLOW_TYPE, toStartOptions({ ...plan, onEnded: 'refuse' }));
}

/** A caller's span, as it stands in the metadata. */
export function newCaller(): {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
} {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-01` };
}
