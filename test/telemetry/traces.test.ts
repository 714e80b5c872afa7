import { SpanStatusCode } from '@opentelemetry/api';

import { LonghaulError } from '../../src/connector';
import type { Telemetry } from '../../src/telemetry';
import { startTelemetry } from '../../src/telemetry/start-telemetry';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { createSpanCollector, type CollectedSpan } from './support/collector';
import { newCaller, openTracedBench, type TracedBench } from './support/traced-bench';

const CANARY = 'canary-4711-never-in-a-span';
const jobs = new ScriptedConnector('traced', 'traced');
const collector = createSpanCollector();
let telemetry: Telemetry;
let traced: TracedBench;

const { ERROR } = SpanStatusCode;

beforeAll(async () => {
  installQuietRuntime();
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '50';
  const report = (message: string): void =>
    void process.stderr.write(`${message}
`);
  telemetry = startTelemetry(collector.exporter, { serviceName: 'test', report });
  traced = await openTracedBench({ jobs, telemetry, env: { LH_CANARY: CANARY } });
});

beforeEach(() => {
  jobs.jobs.clear();
  jobs.beforeCreate = () => Promise.resolve();
  jobs.onCreate = (job) => {
    runJob(job);
    job.next = { kind: 'poll', afterMs: 1 };
  };
  jobs.onGet = () => undefined;
});

afterEach(() => traced.stopWorkers());

afterAll(async () => {
  await traced.close();
  await telemetry.close();
});

function taskIdOf(meta: Uint8Array): string {
  const { task } = JSON.parse(new TextDecoder().decode(meta)) as { task: string }; // our own wire meta
  return task;
}

/** The first span of this name about this task. */
function spanOf(
  name: string,
  taskId: string,
  accept?: (span: CollectedSpan) => boolean,
): Promise<CollectedSpan> {
  return collector.span(`${name} of ${taskId}`, (span) => {
    const isOfTask = span.name === name && span.attributes['longhaul.task.id'] === taskId;
    return isOfTask && (accept?.(span) ?? true);
  });
}

const CREATE = 'flyteidl.service.AsyncAgentService/CreateTask';
const START = 'StartWorkflow:connectorTask';

test('the trace of a task is its caller’s: CreateTask, the start, and each activity on whatever worker', async () => {
  const caller = newCaller();
  const first = await traced.startWorkers();
  const meta = await traced.create({ said: CANARY }, caller.traceparent);
  const id = taskIdOf(meta);
  const rpc = await spanOf(CREATE, id);
  const start = await spanOf(START, id);
  const create = await spanOf('RunActivity:create', id);
  await untilStatus(traced.bench, id, ({ phase }) => phase === 'RUNNING');
  await first.shutdown();
  jobs.onGet = succeedJob;
  await traced.startWorkers();
  await traced.bench.tasks.wait(id);
  const get = await spanOf(
    'RunActivity:get',
    id,
    ({ attributes }) => attributes['longhaul.phase'] === 'SUCCEEDED',
  );
  expect([rpc, start, create, get].map(({ traceId }) => traceId)).toEqual(Array(4).fill(caller.traceId));
  expect(rpc.parentSpanId).toBe(caller.spanId);
  expect(start.parentSpanId).toBe(rpc.spanId);
  expect([create, get].map(({ parentSpanId }) => parentSpanId)).toEqual([start.spanId, start.spanId]);
  expect(rpc.attributes).toMatchObject({ 'rpc.method': 'CreateTask', 'longhaul.task.type': 'traced' });
  expect(create.attributes).toMatchObject({ 'longhaul.task.type': 'traced', 'longhaul.phase': 'RUNNING' });
});

test('looks that see nothing new are no errors, and only the first of them is sent', async () => {
  await traced.startWorkers();
  jobs.onGet = (job) => {
    if (job.gets === 4) succeedJob(job);
  };
  const id = taskIdOf(await traced.create({}));
  await traced.bench.tasks.wait(id);
  const last = await spanOf(
    'RunActivity:get',
    id,
    ({ attributes }) => attributes['longhaul.phase'] === 'SUCCEEDED',
  );
  const looks = collector
    .spans()
    .filter(({ name, traceId }) => name === last.name && traceId === last.traceId);
  const tries = looks.map(({ attributes }) => Number(attributes['longhaul.try']));
  expect(looks.map(({ status }) => status.code)).not.toContain(ERROR);
  expect(looks.flatMap(({ events }) => events)).toEqual([]);
  expect(tries.sort()).toEqual([1, 4]);
});

test('a cancel is in its caller’s trace, and what stops the job is in the task’s with a link to it', async () => {
  await traced.startWorkers();
  const caller = newCaller();
  const canceler = newCaller();
  const meta = await traced.create({}, caller.traceparent);
  const id = taskIdOf(meta);
  await untilStatus(traced.bench, id, ({ phase }) => phase === 'RUNNING');
  await traced.get(meta);
  await traced.delete(meta, canceler.traceparent);
  const signal = await spanOf('SignalWorkflow:cancel', id);
  const stop = await spanOf('RunActivity:delete', id);
  const look = await spanOf('flyteidl.service.AsyncAgentService/GetTask', id);
  const rpc = await spanOf('flyteidl.service.AsyncAgentService/DeleteTask', id);
  expect(signal).toMatchObject({ traceId: canceler.traceId, parentSpanId: rpc.spanId });
  expect(stop.traceId).toBe(caller.traceId);
  expect(stop.links).toEqual([{ traceId: canceler.traceId, spanId: signal.spanId }]);
  expect(look.attributes['rpc.grpc.status_code']).toBe(0);
});

test('a task that continues as new stays in its trace', async () => {
  await traced.startWorkers();
  jobs.onGet = (job) => {
    if (job.gets === 3) succeedJob(job);
    else job.meta = { ...job.meta, gets: job.gets };
  };
  const request = traced.bench.request('traced', {});
  const { id = '' } = request;
  await traced.startLong(request);
  const { runId } = await traced.bench.handle(id).describe();
  await traced.bench.tasks.wait(id);
  const start = await spanOf(START, id);
  const last = await spanOf(
    'RunActivity:get',
    id,
    ({ attributes }) => attributes['longhaul.phase'] === 'SUCCEEDED',
  );
  expect(last).toMatchObject({ traceId: start.traceId, parentSpanId: start.spanId });
  expect((await traced.bench.handle(id).describe()).runId).not.toBe(runId);
});

test('a failed try is an error with its code; a secret in its message is redacted', async () => {
  await traced.startWorkers();
  let tries = 0;
  jobs.beforeCreate = async (_request, call) => {
    const value = await call.resolveSecret('env:LH_CANARY');
    if (tries++ === 0) throw new LonghaulError('UNAVAILABLE', `no answer to ${value}`);
  };
  jobs.onGet = (job) => failJob(job, `died of ${CANARY}`);
  const id = taskIdOf(await traced.create({ said: CANARY }));
  await traced.bench.tasks.wait(id);
  const failed = await spanOf('RunActivity:create', id, ({ attributes }) => attributes['longhaul.try'] === 1);
  const created = await spanOf(
    'RunActivity:create',
    id,
    ({ attributes }) => attributes['longhaul.try'] === 2,
  );
  expect(failed.status).toEqual({ code: ERROR, message: 'no answer to [redacted]' });
  expect(failed.attributes).toMatchObject({ 'error.type': 'UNAVAILABLE', 'longhaul.code': 'UNAVAILABLE' });
  expect(created.status.code).not.toBe(ERROR);
});

test('what is wrong with a task is told by its code alone: its message may quote the task', async () => {
  await traced.startWorkers();
  jobs.beforeCreate = () =>
    Promise.reject(new LonghaulError('INVALID_TASK', `spec.said: no good (${CANARY})`));
  const id = taskIdOf(await traced.create({}));
  await traced.bench.tasks.wait(id);
  const failed = await spanOf('RunActivity:create', id);
  expect(failed.status).toEqual({ code: ERROR });
  expect(failed.attributes['error.type']).toBe('INVALID_TASK');
  await expect(traced.create({ invalid: true, said: CANARY })).rejects.toThrow();
  const refused = await collector.span(
    'a refused call',
    ({ name, status }) => name === CREATE && status.code === ERROR,
  );
  expect(refused.attributes['longhaul.code']).toBe('INVALID_TASK');
});

test('nothing of a task’s spec, inputs or secrets was sent in all of this', async () => {
  await telemetry.flush();
  expect(collector.spans().length).toBeGreaterThan(10);
  expect(JSON.stringify(collector.spans())).not.toContain(CANARY);
});

test('a task that is started untraced has no headers in its history', async () => {
  await traced.startWorkers();
  jobs.onGet = succeedJob;
  const request = traced.bench.request('traced', {});
  const { id } = await traced.bench.tasks.start(request);
  await traced.bench.tasks.wait(id);
  const { events = [] } = await traced.bench.handle(id).fetchHistory();
  const headers = (events ?? []).flatMap((event) => [
    event.workflowExecutionStartedEventAttributes?.header?.fields,
    event.activityTaskScheduledEventAttributes?.header?.fields,
  ]);
  expect(headers.filter((fields) => Object.keys(fields ?? {}).length > 0)).toEqual([]);
});
