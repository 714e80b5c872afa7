import { randomUUID } from 'node:crypto';

import type { NamedRequest, TaskStatus } from '../../src/client';
import { mayHaveLeftJob } from '../../src/client/left-job';
import { LonghaulError } from '../../src/connector';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openRunningBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

/** Tasks that closed without having seen their job end. */
let bench: TaskBench;
const jobs = new ScriptedConnector('left', `left-${randomUUID()}`);

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs] });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  jobs.onCreate = runJob;
});

const request = (policy = {}): NamedRequest => ({ ...bench.request('left', {}, policy), id: randomUUID() });

async function terminateRunning(task: NamedRequest): Promise<TaskStatus> {
  await bench.tasks.start(task);
  await untilStatus(bench, task.id, ({ phase }) => phase === 'RUNNING');
  await bench.handle(task.id).terminate('by hand');
  return bench.tasks.get(task.id);
}

const RECONCILE_FIRST = {
  advice: expect.stringMatching(
    /job-1 may still run.*reconcile --action cancel stops it, --action adopt/,
  ) as unknown,
};

test('--again of a terminated task whose job may still run is refused, and names job and reconcile', async () => {
  const task = request();
  await terminateRunning(task);
  await expect(bench.tasks.start(task, 'again')).rejects.toMatchObject({
    code: 'JOB_ACTIVE',
    message: expect.stringContaining('terminated from outside') as unknown,
    ...RECONCILE_FIRST,
  });
  expect(jobs.tokens).toHaveLength(1);
  expect((await bench.tasks.get(task.id)).state).toBe('TERMINATED');
});

test('--again --force starts it all the same', async () => {
  const task = request();
  await terminateRunning(task);
  expect(await bench.tasks.start(task, 'force')).toMatchObject({ id: task.id, attached: false });
  await waitUntil('the second job', () => (jobs.tokens.length === 2 ? true : undefined));
  await bench.tasks.cancel(task.id);
  await bench.tasks.wait(task.id);
});

test('--again of a task that was terminated while its submit was unanswered is refused', async () => {
  let asked = false;
  jobs.beforeCreate = () => {
    asked = true;
    return Promise.reject(new LonghaulError('UNAVAILABLE', 'connection refused'));
  };
  const task = request();
  await bench.tasks.start(task);
  await waitUntil('the submit', () => (asked ? true : undefined));
  await bench.handle(task.id).terminate('by hand');
  await expect(bench.tasks.start(task, 'again')).rejects.toMatchObject({ code: 'JOB_ACTIVE' });
});

test('--again of a task that was terminated before anything was submitted starts it', async () => {
  const task = request();
  const unserved = await bench.startWith(task, {
    routing: { polls: 'nobody', control: 'nobody', fence: 'token', repair: false, prepare: true },
  });
  await bench.handle(unserved).terminate('by hand');
  jobs.onCreate = succeedJob;
  expect(await bench.tasks.start(task, 'again')).toMatchObject({ attached: false });
  expect((await bench.tasks.wait(task.id)).status.state).toBe('COMPLETED');
});

test('--again of a task that was terminated when its job had failed starts it', async () => {
  jobs.onCreate = (job) => failJob(job, 'ValueError');
  const task = request({ repairWindow: '1h' });
  await bench.tasks.start(task);
  await untilStatus(bench, task.id, ({ code }) => code === 'JOB_FAILED');
  await bench.handle(task.id).terminate('by hand');
  jobs.onCreate = succeedJob;
  await bench.tasks.start(task, 'again');
  expect((await bench.tasks.wait(task.id)).status.state).toBe('COMPLETED');
});

test('a task that left its job alone because it was out of reach is not started --again beside it', async () => {
  const task = request({ onUnreachable: 'fail', unreachableBudget: '1s' });
  await bench.tasks.start(task);
  await untilStatus(bench, task.id, ({ phase }) => phase === 'RUNNING');
  jobs.beforeGet = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'connection refused'));
  expect((await bench.tasks.wait(task.id)).status).toMatchObject({ code: 'UNAVAILABLE', jobMayRun: true });
  await expect(bench.tasks.start(task, 'again')).rejects.toMatchObject({
    code: 'JOB_ACTIVE',
    ...RECONCILE_FIRST,
  });
});

test('repair, nudge and cancel of a terminated task say that its job may run and what to do, not --again', async () => {
  const task = request();
  const status = await terminateRunning(task);
  expect(status.jobMayRun).toBe(true);
  for (const refused of [
    () => bench.tasks.repair(task.id),
    () => bench.tasks.nudge(task.id),
    () => bench.tasks.cancel(task.id),
    () => bench.tasks.start(task),
  ]) {
    const error: unknown = await refused().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ALREADY_ENDED', ...RECONCILE_FIRST });
    expect((error as LonghaulError).advice).not.toContain('--again');
  }
});

test('the report of a terminated task gives the cause', async () => {
  const task = request();
  await terminateRunning(task);
  const { causes } = await bench.tasks.report(task.id);
  expect(causes).toMatchObject([{ error: expect.stringContaining('terminated from outside') as unknown }]);
});

const VIEW = { phase: 'FAILED', attempt: 1, updatedAt: 1, terminal: true } as const;
const ROW = { attempt: 1, token: 't', posts: 1, externalId: '7' };

const CASES = [
  [
    'seen to its end',
    'FAILED',
    { code: 'JOB_FAILED', receipt: { attempts: [{ ...ROW, endedAt: 2 }] } },
    false,
  ],
  ['gone', 'FAILED', { code: 'RUN_GONE', receipt: { attempts: [ROW] } }, false],
  ['never begun', 'FAILED', { code: 'NOT_FOUND', receipt: { attempts: [] } }, false],
  ['not seen to stop', 'FAILED', { code: 'CANCEL_UNCONFIRMED' }, true],
  ['left alone', 'FAILED', { code: 'PERMISSION_DENIED', receipt: { attempts: [ROW] } }, true],
  ['canceled', 'CANCELED', { code: 'CANCELED' }, false],
  ['succeeded', 'COMPLETED', {}, false],
  ['timed out from outside', 'TIMED_OUT', {}, true],
] as const;

for (const [how, state, more, expected] of CASES) {
  test(`a job that was ${how} ${expected ? 'may' : 'does not'} run`, () => {
    expect(mayHaveLeftJob(state, { ...VIEW, ...more })).toBe(expected);
  });
}
