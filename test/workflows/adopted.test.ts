import { randomUUID } from 'node:crypto';

import { LonghaulError } from '../../src/connector';
import type { NamedRequest } from '../../src/client';
import { failJob, ScriptedConnector, succeedJob, type ScriptedJob } from '../support/scripted-connector';
import { openRunningBench, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';

let bench: TaskBench;
const jobs = new ScriptedConnector('followed', `followed-${randomUUID()}`);

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs] });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
});

/** A job that somebody else started, and the task that is to follow it. */
function foreign(policy = {}): { readonly job: ScriptedJob; readonly request: NamedRequest } {
  const job = jobs.addForeign(`theirs-${randomUUID()}`);
  const adopted = { meta: { version: 1, jobId: job.id }, externalId: job.id };
  const { template, policy: parsed } = bench.request('followed', {}, policy);
  return { job, request: { id: `adopts-${job.id}`, template, policy: parsed, adopted } };
}

function expectNothingPosted(): void {
  expect(jobs.tokens).toEqual([]);
  expect(jobs.jobs.size).toBe(1);
}

test('an adopted job is followed to its end and never created', async () => {
  const { job, request } = foreign();
  await bench.tasks.ensure(request);
  await untilStatus(bench, request.id, ({ phase, message }) => phase === 'RUNNING' && message === 'running');
  succeedJob(job);
  const { status, result } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', externalId: job.id, attempt: 1 });
  expect(result?.resource.outputs).toEqual({ rows: 3 });
  expect(result?.receipt.attempts).toMatchObject([{ attempt: 1, posts: 0, externalId: job.id }]);
  expectNothingPosted();
});

test('an adopted job is known by describe before any worker has seen its task', async () => {
  const idle = await openTaskBench({ connectors: [jobs] });
  const { job, request } = foreign();
  await idle.tasks.ensure(request);
  const status = await idle.tasks.look(request.id);
  expect(status).toMatchObject({
    state: 'OPEN',
    phase: 'INITIALIZING',
    attempt: 1,
    externalId: job.id,
    meta: { jobId: job.id },
  });
  await idle.handle(request.id).terminate();
  await idle.environment.teardown();
});

test('an adopted job is stopped when its task is canceled', async () => {
  const { job, request } = foreign();
  await bench.tasks.ensure(request);
  await untilStatus(bench, request.id, ({ phase }) => phase === 'RUNNING');
  await bench.tasks.cancel(request.id, { by: 'ana' });
  const { status } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED', code: 'CANCELED' });
  expect(job).toMatchObject({ cancels: 1, next: { kind: 'done' } });
  expectNothingPosted();
});

test('a cancel that comes before the first step of its task stops an adopted job without a look', async () => {
  const { job, request } = foreign();
  await bench.tasks.prevent(request, { by: 'Flyte', reason: 'deleted' });
  const { status } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED' });
  expect(status.receipt?.cancel).toMatchObject({ by: 'Flyte', reason: 'deleted' });
  expect(job).toMatchObject({ cancels: 1, gets: 0, next: { kind: 'done' } });
  expectNothingPosted();
});

test('a failed adopted job ends its task; with maxAttempts 1 it is not submitted again', async () => {
  const { job, request } = foreign({ maxAttempts: 1 });
  const decision = { action: 'retry', reason: 'spot lost' } as const;
  failJob(job, 'spot lost', { cause: 'platform', decision });
  await bench.tasks.ensure(request);
  const { status, result } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', cause: 'platform' });
  expect(result?.receipt.attempts).toHaveLength(1);
  expectNothingPosted();
});

test('an adopted job that is gone ends RUN_GONE, and is never started anew', async () => {
  const { request } = foreign();
  jobs.jobs.clear();
  await bench.tasks.ensure(request);
  const { status } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'RUN_GONE' });
  expect(jobs.tokens).toEqual([]);
});

test('an adopted job is stopped when a deadline passes', async () => {
  const { job, request } = foreign({ executionTimeout: '2s' });
  await bench.tasks.ensure(request);
  const { status } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'DEADLINE_EXECUTION' });
  expect(job.cancels).toBe(1);
});

test('trouble with an adopted job is waited out', async () => {
  const { job, request } = foreign();
  let fails = 2;
  jobs.beforeGet = () =>
    fails-- > 0 ? Promise.reject(new LonghaulError('UNAVAILABLE', 'no answer')) : Promise.resolve();
  succeedJob(job);
  await bench.tasks.ensure(request);
  const { status } = await bench.tasks.wait(request.id);
  jobs.beforeGet = () => Promise.resolve();
  expect(status.state).toBe('COMPLETED');
});

test('a task that joins the one that follows a job changes nothing, whatever it asks for', async () => {
  const { job, request } = foreign();
  await bench.tasks.ensure(request);
  const { adopted: _adopted, ...own } = request;
  await bench.tasks.ensure(own);
  succeedJob(job);
  await bench.tasks.wait(request.id);
  await bench.tasks.ensure(own);
  expectNothingPosted();
});
