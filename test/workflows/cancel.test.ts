import { randomUUID } from 'node:crypto';

import { LonghaulError } from '../../src/connector';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openRunningBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

let bench: TaskBench;
const jobs = new ScriptedConnector('fenced', `fenced-${randomUUID()}`);
const bash = new ScriptedConnector('bash', `bash-${randomUUID()}`, { fence: 'none' });

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs, bash] });
});

afterAll(() => bench.close());

beforeEach(() => {
  for (const connector of [jobs, bash]) {
    connector.reset();
    connector.onCreate = runJob;
  }
});

async function begin(policy = {}, type = 'fenced'): Promise<string> {
  const { id } = await bench.tasks.start(bench.request(type, {}, policy));
  return id;
}

async function expectCanceled(id: string): Promise<void> {
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED', code: 'CANCELED' });
}

async function beginRunning(policy = {}): Promise<string> {
  const id = await begin(policy);
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  return id;
}

test('a task canceled twice, by signal and by Temporal, stays open until its job is seen stopped', async () => {
  const id = await beginRunning();
  jobs.nth().cancelIgnored = true;
  await bench.tasks.cancel(id, { by: 'ana' });
  await waitUntil('the first cancel', () => (jobs.nth().cancels > 0 ? true : undefined));
  await bench.tasks.cancel(id, { by: 'bob', reason: 'me too' });
  await bench.handle(id).cancel();
  await waitUntil('more cancels', () => (jobs.nth().cancels > 2 ? true : undefined));
  expect((await bench.tasks.get(id)).state).toBe('OPEN');
  jobs.nth().cancelIgnored = false;
  await expectCanceled(id);
  const { status } = await bench.tasks.wait(id);
  expect(status.receipt?.cancel).toMatchObject({ by: 'ana', reason: 'me too' });
});

test.each([
  ['nothing', [], undefined],
  ['null', [null], undefined],
  ['text', ['too slow'], 'too slow'],
  ['a list', [[1, 2]], undefined],
  ['words of other types', [{ by: 7, reason: {} }], undefined],
])('a bare signal with %s cancels like any other', async (_what, args, reason) => {
  const id = await beginRunning();
  await bench.handle(id).signal('cancel', ...args);
  await expectCanceled(id);
  const { status } = await bench.tasks.wait(id);
  expect(status.receipt?.cancel?.reason).toBe(reason);
  expect(jobs.nth().next.kind).toBe('done');
});

test('a cancel during a long step aborts it and stops the job', async () => {
  jobs.onCreate = (job) => {
    runJob(job);
    job.next = { kind: 'execute' };
  };
  let aborted = false;
  jobs.onExecute = (_job, call) =>
    new Promise((_resolve, reject) => {
      call.signal.addEventListener('abort', () => {
        aborted = true;
        reject(new LonghaulError('UNAVAILABLE', 'aborted'));
      });
    });
  const id = await beginRunning();
  await bench.tasks.cancel(id);
  await expectCanceled(id);
  expect(aborted).toBe(true);
  expect(jobs.nth().cancels).toBe(1);
});

test('a cancel during a sleep of an hour acts at once', async () => {
  jobs.onCreate = (job) => {
    runJob(job);
    job.next = { kind: 'sleep', until: Date.now() + 3_600_000 };
  };
  const id = await beginRunning();
  await bench.tasks.cancel(id);
  await expectCanceled(id);
  expect(jobs.nth().cancels).toBe(1);
});

test('a cancel during the pause between two attempts starts nothing more, and says how the last one ended', async () => {
  const decision = { action: 'retryAfter', delayMs: 3_600_000, reason: 'quota' } as const;
  jobs.onCreate = (job) => failJob(job, 'no quota', { cause: 'quota', decision });
  const id = await begin();
  await untilStatus(bench, id, (status) => status.message?.startsWith('next attempt') === true);
  await bench.tasks.cancel(id);
  await expectCanceled(id);
  const { status } = await bench.tasks.wait(id);
  expect(status.message).toContain('the job had already ended FAILED');
  expect(jobs.jobs.size).toBe(1);
});

test('a job that ends by itself while it is canceled ends Canceled, its true end in the receipt', async () => {
  const id = await beginRunning();
  jobs.nth().cancelIgnored = true;
  await bench.tasks.cancel(id);
  await waitUntil('the first cancel', () => (jobs.nth().cancels > 0 ? true : undefined));
  succeedJob(jobs.nth());
  await expectCanceled(id);
  const { status } = await bench.tasks.wait(id);
  expect(status.receipt?.cancel?.outcome).toContain('SUCCEEDED');
});

test('a cancel while the submit is in flight stops the job that it has started', async () => {
  let release = (): void => undefined;
  jobs.afterCreate = () => new Promise((resolve) => (release = resolve));
  const id = await begin();
  await waitUntil('the submit', () => (jobs.jobs.size > 0 ? true : undefined));
  await bench.tasks.cancel(id);
  release();
  await expectCanceled(id);
  expect(jobs.jobs.size).toBe(1);
  expect(jobs.nth().next.kind).toBe('done');
});

test('without a fence, a cancel that no worker has seen yet starts nothing and ends Canceled', async () => {
  const idle = new ScriptedConnector('idle', `idle-${randomUUID()}`, { fence: 'none' });
  bench.registry.register(idle);
  const id = await begin({}, 'idle');
  await untilStatus(bench, id, () => true);
  await waitUntil('the submit to wait', async () =>
    (await bench.events(id)).includes('10') ? true : undefined,
  );
  await bench.tasks.cancel(id);
  await expectCanceled(id);
  expect(idle.jobs.size).toBe(0);
});

test('without a fence, a cancel of unknown outcome ends OUTCOME_UNKNOWN, never Canceled', async () => {
  bash.afterCreate = (_job, call) =>
    new Promise((_resolve, reject) => {
      call.signal.addEventListener('abort', () => {
        reject(new LonghaulError('UNAVAILABLE', 'aborted'));
      });
    });
  const id = await begin({}, 'bash');
  await waitUntil('the submit', () => (bash.jobs.size > 0 ? true : undefined));
  await bench.tasks.cancel(id);
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'OUTCOME_UNKNOWN' });
});

test.each([
  ['fail', 'FAILED', 1],
  ['retry', 'COMPLETED', 2],
] as const)('onUnknown: %s ends %s after %i jobs', async (onUnknown, state, count) => {
  let lost = 0;
  bash.afterCreate = () =>
    lost++ === 0 ? Promise.reject(new LonghaulError('UNAVAILABLE', 'no answer')) : Promise.resolve();
  bash.onGet = succeedJob;
  const { status, result } = await bench.tasks.wait(await begin({ onUnknown }, 'bash'));
  expect(status.state).toBe(state);
  expect(bash.jobs.size).toBe(count);
  expect(result?.receipt.attempts[0]?.decision).toContain(onUnknown === 'fail' ? 'fail' : 'retry');
});

test('a cancel while a deadline stops the job ends with the deadline, with who canceled in the receipt', async () => {
  const id = await beginRunning({ executionTimeout: '2s' });
  jobs.nth().cancelIgnored = true;
  await waitUntil('the deadline', () => (jobs.nth().cancels > 0 ? true : undefined));
  await bench.tasks.cancel(id, { by: 'ana' });
  jobs.nth().cancelIgnored = false;
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'DEADLINE_EXECUTION' });
  expect(status.receipt?.cancel).toMatchObject({ by: 'ana' });
});

test('earlier attempts are stopped first; the task submits when they are closed', async () => {
  const first = await beginRunning();
  jobs.nth().cancelIgnored = true;
  const second = await startAfter([first, 'never-existed']);
  await untilStatus(bench, second, (status) => status.message?.startsWith('waiting') === true);
  const { memo } = await bench.handle(second).describe();
  expect(memo?.['task']).toMatchObject({ message: 'waiting for attempt 1 to stop' });
  await waitUntil('the cancel', () => (jobs.nth().cancels > 0 ? true : undefined));
  expect(jobs.jobs.size).toBe(1);
  jobs.nth().cancelIgnored = false;
  await expectCanceled(first);
  jobs.onGet = succeedJob;
  const { status } = await bench.tasks.wait(second);
  expect(status.state).toBe('COMPLETED');
  expect(jobs.jobs.size).toBe(2);
});

test('a cancel while earlier attempts are waited for starts nothing', async () => {
  const first = await beginRunning();
  jobs.nth().cancelIgnored = true;
  const second = await startAfter([first]);
  await untilStatus(bench, second, (status) => status.message?.startsWith('waiting') === true);
  await bench.tasks.cancel(second);
  await expectCanceled(second);
  jobs.nth().cancelIgnored = false;
  await expectCanceled(first);
  expect(jobs.jobs.size).toBe(1);
});

test('the overall deadline holds while earlier attempts are waited for', async () => {
  const first = await beginRunning();
  jobs.nth().cancelIgnored = true;
  const second = await startAfter([first], { overallTimeout: '2s' });
  const { status } = await bench.tasks.wait(second);
  expect(status).toMatchObject({ state: 'FAILED', code: 'DEADLINE_OVERALL' });
  jobs.nth().cancelIgnored = false;
  await expectCanceled(first);
  expect(jobs.jobs.size).toBe(1);
});

async function startAfter(earlierAttempts: readonly string[], policy = {}): Promise<string> {
  return bench.startWith(bench.request('fenced', {}, policy), { earlierAttempts });
}
