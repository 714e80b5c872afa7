import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';

import { startService, type RunningService } from '../../src/service';
import { TaskExecution_Phase } from '../../src/service/generated/flyteidl/core/execution_pb';
import { LiteralSchema, type Literal } from '../../src/service/generated/flyteidl/core/literals_pb';
import { AsyncAgentService, SyncAgentService } from '../../src/service/generated/flyteidl/service/agent_pb';
import { ScriptedConnector } from '../support/scripted-connector';
import { installQuietRuntime, openTaskBench, type TaskBench } from '../support/task-bench';
import { connect, errorInfoOf, failureOf, readAll, type RpcClient } from './support/rpc-client';

/** A connector that ends within one call, and one that does not, behind the real service. */
const quick = new ScriptedConnector('quick', `quick-${randomUUID()}`, { synchronous: true });
const slow = new ScriptedConnector('slow', `slow-${randomUUID()}`);
let bench: TaskBench;
let service: RunningService;
let client: RpcClient;

beforeAll(async () => {
  installQuietRuntime();
  bench = await openTaskBench({ connectors: [quick, slow] });
  await bench.startWorkers();
  service = await startService({
    temporal: process.env['TEST_TEMPORAL_ADDRESS'] ?? '',
    registry: bench.registry,
    workflowTaskQueue: bench.workflowTaskQueue,
    ...{ secretsAllow: [], cluster: 'test', port: 0, drainNoticeMs: 0, taskUrl: () => undefined },
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined },
  });
  client = connect(service.port);
});
afterAll(async () => {
  client.close();
  await service.drain();
  await bench.close();
});
beforeEach(() => {
  quick.onCreate = (job) => {
    job.resource = { phase: 'SUCCEEDED', outputs: { answer: 42, words: ['a', 'b'] } };
    job.next = { kind: 'done', verdict: { kind: 'succeeded' } };
  };
});

const run = async (
  type: string,
  { timeoutMs = 10_000, name = `sync-${randomUUID()}` } = {},
): Promise<unknown> => {
  const template = { type, id: { name: 'sync' } };
  const taskExecutionId = {
    nodeExecutionId: { executionId: { name }, nodeId: 'n0' },
    taskId: { name: 'sync' },
  };
  const header = { template, taskExecutionMetadata: { taskExecutionId } };
  const requests = [
    { part: { case: 'header', value: header } },
    { part: { case: 'inputs', value: { literals: { n: integer(7n) } } } },
  ] as const;
  return readAll(client.stream(SyncAgentService.method.executeTaskSync, requests, { timeoutMs }));
};

function integer(value: bigint): Literal {
  const primitive = { case: 'primitive', value: { value: { case: 'integer', value } } } as const;
  return create(LiteralSchema, { value: { case: 'scalar', value: { value: primitive } } });
}

const reasonOf = async (call: Promise<unknown>): Promise<string | undefined> =>
  errorInfoOf(await failureOf(call))?.reason;

test('a synchronous task ends within its call, with its outputs as literals', async () => {
  const [reply, ...more] = (await run('quick')) as { res: { value: { resource: unknown } } }[];
  expect(more).toEqual([]);
  expect(reply?.res.value.resource).toMatchObject({
    phase: TaskExecution_Phase.SUCCEEDED,
    outputs: { literals: { answer: integer(42n), words: { value: { case: 'collection' } } } },
  });
});

test('one that fails is a resource too, not an error', async () => {
  quick.onCreate = (job) => {
    const decision = { action: 'fail', reason: 'as scripted' } as const;
    job.resource = { phase: 'FAILED', message: 'no such table' };
    job.next = { kind: 'done', verdict: { kind: 'failed', code: 'JOB_FAILED', cause: 'user', decision } };
  };
  const [reply] = (await run('quick')) as { res: { value: { resource: unknown } } }[];
  expect(reply?.res.value.resource).toMatchObject({
    phase: TaskExecution_Phase.FAILED,
    message: 'JOB_FAILED: no such table',
  });
});

test('one that does not end in time is an error within the deadline, and is canceled', async () => {
  quick.onCreate = () => undefined;
  expect(await reasonOf(run('quick', { timeoutMs: 3_000, name: 'too-slow' }))).toBe('DEADLINE_OVERALL');
  const { status } = await bench.tasks.wait('flyte:test::::too-slow:n0:sync:0');
  expect(status).toMatchObject({ state: 'CANCELED' });
});

test('a connector that is not synchronous is UNIMPLEMENTED here', async () => {
  expect(await reasonOf(run('slow'))).toBe('UNSUPPORTED');
});

test('its agent says that it is synchronous, and the asynchronous API takes its tasks all the same', async () => {
  const template = { type: 'quick', id: { name: 'async' } };
  const outputPrefix = `s3://${randomUUID()}`;
  const { createTask, getTask } = AsyncAgentService.method;
  const { resourceMeta } = await client.unary(createTask, { template, outputPrefix });
  await bench.tasks.wait((JSON.parse(Buffer.from(resourceMeta).toString()) as { task: string }).task);
  const { resource } = await client.unary(getTask, { resourceMeta, taskCategory: { name: 'quick' } });
  expect(resource?.outputs?.literals['answer']).toEqual(integer(42n));
});
