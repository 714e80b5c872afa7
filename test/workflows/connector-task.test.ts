import { randomUUID } from 'node:crypto';

import { LonghaulError } from '../../src/connector';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openRunningBench, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

let bench: TaskBench;
const queue = `scripted-${randomUUID()}`;
const jobs = new ScriptedConnector('scripted', queue);

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs], troubleShownAfterMs: 500 });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  jobs.onCreate = runJob;
});

async function begin(policy = {}, custom = {}): Promise<string> {
  const { id } = await bench.tasks.start(bench.request('scripted', custom, policy));
  return id;
}

test('a job that succeeds completes its task with resource, meta and receipt', async () => {
  jobs.onGet = succeedJob;
  const { status, result } = await bench.tasks.wait(await begin());
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', externalId: 'job-1', attempt: 1 });
  expect(result?.resource.outputs).toEqual({ rows: 3 });
  expect(result?.receipt.attempts).toMatchObject([
    { attempt: 1, posts: 1, externalId: 'job-1', phase: 'SUCCEEDED' },
  ]);
  expect(result?.receipt.attempts[0]?.token).toMatch(/^lh-[0-9a-f-]{36}-1$/);
});

test('a lost reply is asked for again with the same token and starts nothing new', async () => {
  let lost = 0;
  jobs.afterCreate = () => {
    if (lost++ > 0) return Promise.resolve();
    return Promise.reject(new LonghaulError('UNAVAILABLE', 'the connection was reset'));
  };
  jobs.onGet = succeedJob;
  const { status, result } = await bench.tasks.wait(await begin());
  expect(status.state).toBe('COMPLETED');
  expect(jobs.jobs.size).toBe(1);
  expect(new Set(jobs.tokens).size).toBe(1);
  expect(result?.receipt.attempts[0]?.posts).toBe(2);
});

test('a rejected submit fails with its own code and starts nothing', async () => {
  jobs.beforeCreate = () => Promise.reject(new LonghaulError('PERMISSION_DENIED', 'not for you'));
  const { status } = await bench.tasks.wait(await begin());
  expect(status).toMatchObject({ state: 'FAILED', code: 'PERMISSION_DENIED', message: 'not for you' });
  expect(jobs.jobs.size).toBe(0);
});

test('a submit that is refused after it was sent is in the receipt as sent', async () => {
  jobs.afterCreate = () => Promise.reject(new LonghaulError('INVALID_TASK', 'refused'));
  const { result } = await bench.tasks.wait(await begin());
  expect(result?.receipt.attempts[0]?.posts).toBe(1);
});

test('a submit that is not answered says so in describe, before there is any job', async () => {
  jobs.beforeCreate = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'connection refused'));
  const id = await begin();
  const status = await untilStatus(bench, id, ({ message = '' }) => message.startsWith('submitting'));
  expect(status.message).toMatch(/^submitting, try \d+: UNAVAILABLE: connection refused/);
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
});

test('a submit that our own budget holds back until a deadline starts nothing, then or later', async () => {
  const heldBack = new LonghaulError('RATE_LIMITED', 'no room', { retryAfterMs: 1_000, isHeldBack: true });
  jobs.beforeCreate = () => Promise.reject(heldBack);
  const { status, result } = await bench.tasks.wait(await begin({ overallTimeout: '4s' }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'DEADLINE_OVERALL' });
  expect(result?.receipt.attempts).toMatchObject([{ posts: 0 }]);
  expect(jobs.jobs.size).toBe(0);
});

test('a submit that goes unanswered until a deadline is fenced: what it started is stopped', async () => {
  jobs.afterCreate = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'no answer'));
  const { status } = await bench.tasks.wait(await begin({ overallTimeout: '4s' }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'DEADLINE_OVERALL' });
  expect(jobs.nth()).toMatchObject({ cancels: 1, next: { kind: 'done' } });
});

test('a quota that refuses the submit for all of quotaBudget ends the task, with that cause and nothing to stop', async () => {
  const quota = new LonghaulError('RATE_LIMITED', 'no room.', { retryAfterMs: 1_000, isQuota: true });
  jobs.beforeCreate = (_request, call) => {
    call.announceSubmit();
    return Promise.reject(quota);
  };
  const { status, result } = await bench.tasks.wait(await begin({ quotaBudget: '2s' }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'RATE_LIMITED', cause: 'quota' });
  expect(status.message).toMatch(/^no room\. It did not ease in \d s, which is all of quotaBudget/);
  expect(result?.receipt.attempts).toHaveLength(1);
  expect(result?.receipt.attempts[0]?.posts).toBeGreaterThan(1);
  expect(jobs.jobs.size).toBe(0);
});

test('a look that finds no such endpoint is trouble, not the end of the job', async () => {
  const id = await begin();
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  jobs.beforeGet = () => Promise.reject(new LonghaulError('NOT_FOUND', 'no such path'));
  await untilStatus(bench, id, (status) => status.unreachableSince !== undefined);
  jobs.beforeGet = () => Promise.resolve();
  jobs.onGet = succeedJob;
  expect((await bench.tasks.wait(id)).status.state).toBe('COMPLETED');
});

test("a failure of the user's code fails the task at once, first cause on top", async () => {
  jobs.onGet = (job) => failJob(job, 'ValueError: no such table');
  const { status, result } = await bench.tasks.wait(await begin());
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', message: 'ValueError: no such table' });
  expect(result?.receipt.attempts).toHaveLength(1);
});

test('a platform failure is tried again under a new token, as often as the task allows', async () => {
  jobs.onGet = (job) =>
    failJob(job, 'spot lost', { cause: 'platform', decision: { action: 'retry', reason: 'spot' } });
  const { status, result } = await bench.tasks.wait(await begin({ maxAttempts: 2 }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', attempt: 2 });
  expect(new Set(jobs.tokens).size).toBe(2);
  expect(result?.receipt.attempts.map((row) => row.decision)).toEqual([
    'retry: spot',
    'fail: spot; attempt 2 of 2 was the last',
  ]);
});

test('a resubmit carries the changed spec', async () => {
  jobs.onGet = (job) => {
    if (job.custom['spot'] === false) succeedJob(job);
    else {
      failJob(job, 'no spot', {
        decision: { action: 'resubmit', patch: { spot: false }, reason: 'no spot' },
      });
    }
  };
  const { status } = await bench.tasks.wait(await begin({}, { spot: true, kept: 1 }));
  expect(status.state).toBe('COMPLETED');
  expect(jobs.nth(1).custom).toEqual({ spot: false, kept: 1 });
});

test('a canceled task closes as Canceled only after its job is seen stopped', async () => {
  const id = await begin();
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  jobs.nth().cancelIgnored = true;
  await bench.tasks.cancel(id, { by: 'ana', reason: 'wrong table' });
  const canceling = await untilStatus(bench, id, (status) => status.canceling !== undefined);
  expect(canceling).toMatchObject({ state: 'OPEN', canceling: { by: 'ana', reason: 'wrong table' } });
  await waitUntil('a second cancel', () => (jobs.nth().cancels >= 2 ? true : undefined));
  jobs.nth().cancelIgnored = false;
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED', code: 'CANCELED' });
  expect(status.receipt?.cancel).toMatchObject({ by: 'ana', reason: 'wrong table' });
  expect(status.receipt?.cancel?.stoppedAt).toBeGreaterThan(0);
});

test("Temporal's own cancel ends like the signal", async () => {
  const id = await begin();
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  await bench.handle(id).cancel();
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'CANCELED', code: 'CANCELED' });
  expect(jobs.nth().cancels).toBe(1);
});

test('a cancel while the submit is unanswered fences: the job is found by its token and stopped', async () => {
  let calls = 0;
  jobs.afterCreate = () => {
    calls += 1;
    return Promise.reject(new LonghaulError('UNAVAILABLE', 'no answer', { retryAfterMs: 60_000 }));
  };
  const id = await begin();
  await waitUntil('the first submit', () => (calls > 0 ? true : undefined));
  await bench.tasks.cancel(id);
  const { status } = await bench.tasks.wait(id);
  expect(status.state).toBe('CANCELED');
  expect(jobs.jobs.size).toBe(1);
  expect(jobs.nth().next.kind).toBe('done');
});

test('a cancel before any worker took the task starts nothing', async () => {
  const idle = await openTaskBench({ connectors: [jobs] });
  const { id } = await idle.tasks.start(idle.request('scripted', {}));
  await idle.tasks.cancel(id);
  const workers = await idle.startWorkers();
  const { status } = await idle.tasks.wait(id);
  expect(status.state).toBe('CANCELED');
  expect(jobs.jobs.size).toBe(0);
  await workers.shutdown();
  await idle.environment.teardown();
});

test('trouble while polling is shown and waited out', async () => {
  const id = await begin();
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  jobs.beforeGet = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'connection refused'));
  const shown = await untilStatus(bench, id, (status) => status.unreachableSince !== undefined);
  expect(shown).toMatchObject({ state: 'OPEN', code: 'UNAVAILABLE' });
  jobs.beforeGet = () => Promise.resolve();
  jobs.onGet = succeedJob;
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
  expect(status.unreachableSince).toBeUndefined();
});

test('onUnreachable: fail ends after its budget, leaves the job alone and says so', async () => {
  const id = await begin({ onUnreachable: 'fail', unreachableBudget: '1s' });
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  jobs.beforeGet = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'connection refused'));
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'UNAVAILABLE' });
  expect(status.message).toContain('left alone');
  expect(jobs.nth().cancels).toBe(0);
});

test.each([
  ['executionTimeout', 'DEADLINE_EXECUTION', runJob],
  ['queueTimeout', 'DEADLINE_QUEUE', () => undefined],
  ['startTimeout', 'DEADLINE_START', () => undefined],
  ['overallTimeout', 'DEADLINE_OVERALL', runJob],
] as const)('%s stops the job, seen stopped, and fails the task with %s', async (field, code, onCreate) => {
  jobs.onCreate = onCreate;
  const { status } = await bench.tasks.wait(await begin({ [field]: '3s' }));
  expect(status).toMatchObject({ state: 'FAILED', code });
  expect(jobs.nth().cancels).toBe(1);
});

test('a job that is gone ends RUN_GONE, never green', async () => {
  const id = await begin();
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  jobs.jobs.clear();
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'RUN_GONE' });
});

test('three phase changes and success cost at most 40 events', async () => {
  jobs.onCreate = () => undefined;
  jobs.onGet = (job) => {
    if (job.gets === 2) job.resource = { phase: 'INITIALIZING' };
    if (job.gets === 4) runJob(job);
    if (job.gets === 7) succeedJob(job);
  };
  const id = await begin();
  await bench.tasks.wait(id);
  expect((await bench.events(id)).length).toBeLessThanOrEqual(40);
});
