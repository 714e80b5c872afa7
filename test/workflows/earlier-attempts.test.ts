import { randomUUID } from 'node:crypto';

import type { NamedRequest } from '../../src/client';
import { runJob, ScriptedConnector, succeedJob, type ScriptedJob } from '../support/scripted-connector';
import { openRunningBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

let bench: TaskBench;
const jobs = new ScriptedConnector('attempted', `attempted-${randomUUID()}`);

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs] });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  jobs.onCreate = runJob;
});

/** A task whose caller owns the attempts, as Flyte's engine does: gives the n-th of them, from 0. */
function newTask(): (attempt: number) => NamedRequest {
  const execution = randomUUID();
  const idOf = (attempt: number): string => `${execution}:${attempt}`;
  return (attempt) => ({
    ...bench.request('attempted', { attempt }),
    id: idOf(attempt),
    earlierAttempts: Array.from({ length: attempt }, (_unused, earlier) => idOf(earlier)),
  });
}

/** The first attempts of a task. */
function three(): readonly [NamedRequest, NamedRequest, NamedRequest] {
  const attempt = newTask();
  return [attempt(0), attempt(1), attempt(2)];
}

function jobOf(attempt: number): ScriptedJob | undefined {
  return [...jobs.jobs.values()].find((job) => job.custom['attempt'] === attempt);
}

function untilJob(attempt: number): Promise<ScriptedJob> {
  return waitUntil(`the job of attempt ${attempt}`, () => jobOf(attempt));
}

function activeJobs(): unknown[] {
  return [...jobs.jobs.values()].filter(({ next }) => next.kind !== 'done').map(({ custom }) => custom);
}

async function untilClosed(id: string): Promise<string> {
  return (await bench.tasks.wait(id)).status.state;
}

async function finish(request: NamedRequest, job: ScriptedJob): Promise<void> {
  succeedJob(job);
  expect(await untilClosed(request.id)).toBe('COMPLETED');
}

test('attempt 2 submits only after attempts 0 and 1 are closed and their jobs were seen stopped', async () => {
  const [zero, one, two] = three();
  await bench.tasks.ensure(zero);
  const first = await untilJob(0);
  first.cancelIgnored = true;
  await bench.tasks.ensure(one);
  await waitUntil('the cancel of attempt 0', () => (first.cancels > 0 ? true : undefined));
  await bench.tasks.ensure(two);
  expect(await untilClosed(one.id)).toBe('CANCELED');
  const waiting = await untilStatus(bench, two.id, ({ message }) => message?.startsWith('waiting') === true);
  expect(waiting.phase).toBe('QUEUED');
  await waitUntil('more cancels', () => (first.cancels > 2 ? true : undefined));
  expect(jobs.tokens).toHaveLength(1);
  let firstAtSubmit: string | undefined;
  jobs.beforeCreate = async () => {
    firstAtSubmit = (await bench.tasks.look(zero.id)).state;
  };
  first.cancelIgnored = false;
  const second = await untilJob(2);
  jobs.beforeCreate = () => Promise.resolve();
  expect(firstAtSubmit).toBe('CANCELED');
  expect(first.next.kind).toBe('done');
  const { status } = await bench.tasks.wait(zero.id);
  expect(status.receipt?.cancel?.reason).toMatch(/^attempt [12] of the same task has begun$/);
  await finish(two, second);
  expect(jobs.tokens).toHaveLength(2);
});

test('an earlier attempt that was never started has its id taken: a late start of it starts nothing', async () => {
  const [zero, one] = three();
  await bench.tasks.ensure(one);
  const job = await untilJob(1);
  expect(await bench.tasks.look(zero.id)).toMatchObject({
    state: 'CANCELED',
    phase: 'ABORTED',
    taskType: 'attempted v0',
    message: expect.stringContaining('no job was running'),
  });
  const before = await bench.handle(zero.id).describe();
  await bench.tasks.ensure(zero);
  expect((await bench.handle(zero.id).describe()).runId).toBe(before.runId);
  expect(activeJobs()).toEqual([{ attempt: 1 }]);
  await finish(one, job);
  expect(jobs.tokens).toHaveLength(1);
});

test('an earlier attempt that has ended is left as it is', async () => {
  const [zero, one] = three();
  await bench.tasks.ensure(zero);
  await finish(zero, await untilJob(0));
  const before = await bench.events(zero.id);
  await bench.tasks.ensure(one);
  await finish(one, await untilJob(1));
  expect(await bench.events(zero.id)).toEqual(before);
  expect((await bench.tasks.look(zero.id)).state).toBe('COMPLETED');
});

test('the tenth attempt waits for all nine before it, whether they run, have ended or never were', async () => {
  const attempt = newTask();
  const [earlier, tenth] = [Array.from({ length: 9 }, (_unused, nth) => attempt(nth)), attempt(9)];
  await bench.tasks.ensure(attempt(0));
  await untilJob(0);
  await bench.tasks.prevent(attempt(1), { reason: 'ended before' });
  await bench.tasks.ensure(tenth);
  const job = await untilJob(9);
  const states = await Promise.all(earlier.map(({ id }) => untilClosed(id)));
  expect(new Set(states)).toEqual(new Set(['CANCELED']));
  expect(jobOf(0)?.next.kind).toBe('done');
  await Promise.all(earlier.map((request) => bench.tasks.ensure(request)));
  expect(activeJobs()).toEqual([{ attempt: 9 }]);
  await finish(tenth, job);
  expect(jobs.tokens).toHaveLength(2);
});

test.each([
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
])('attempts started in the order %i, %i, %i end with one active job, the last', async (...order) => {
  const attempt = newTask();
  for (const nth of order) await bench.tasks.ensure(attempt(nth));
  const last = await untilJob(2);
  expect(await Promise.all([untilClosed(attempt(0).id), untilClosed(attempt(1).id)])).toEqual(BOTH_CANCELED);
  expect(activeJobs()).toEqual([{ attempt: 2 }]);
  await finish(attempt(2), last);
});

const BOTH_CANCELED = ['CANCELED', 'CANCELED'];

test('three attempts started at once, five times over, end each time with one active job, the last', async () => {
  const tasks = Array.from({ length: 5 }, three);
  await Promise.all(tasks.flat().map((request) => bench.tasks.ensure(request)));
  const closed = tasks.map(([zero, one]) => Promise.all([untilClosed(zero.id), untilClosed(one.id)]));
  expect(await Promise.all(closed)).toEqual(Array.from({ length: 5 }, () => BOTH_CANCELED));
  await waitUntil('all last attempts to run', () => (activeJobs().length >= 5 ? true : undefined));
  expect(activeJobs()).toEqual(Array.from({ length: 5 }, () => ({ attempt: 2 })));
  for (const job of jobs.jobs.values()) if (job.next.kind !== 'done') succeedJob(job);
  const states = await Promise.all(tasks.map(([, , two]) => untilClosed(two.id)));
  expect(new Set(states)).toEqual(new Set(['COMPLETED']));
});

describe('prevention', () => {
  const CANCEL = { by: 'Flyte', reason: 'its start was answered with an error' };

  test('before the start it takes the id: the start joins a canceled task and starts nothing', async () => {
    const request = newTask()(0);
    await bench.tasks.prevent(request, CANCEL);
    await bench.tasks.ensure(request);
    expect(await untilClosed(request.id)).toBe('CANCELED');
    await bench.tasks.ensure(request);
    expect(jobs.tokens).toEqual([]);
  });

  test('after the start it stops the job', async () => {
    const request = newTask()(0);
    await bench.tasks.ensure(request);
    const job = await untilJob(0);
    await bench.tasks.prevent(request, CANCEL);
    expect(await untilClosed(request.id)).toBe('CANCELED');
    expect(job.next.kind).toBe('done');
    expect((await bench.tasks.look(request.id)).receipt?.cancel).toMatchObject(CANCEL);
  });

  test('after the end it changes nothing, however often', async () => {
    const request = newTask()(0);
    await bench.tasks.ensure(request);
    await finish(request, await untilJob(0));
    await bench.tasks.prevent(request, CANCEL);
    await bench.tasks.prevent(request, CANCEL);
    expect(await bench.tasks.look(request.id)).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
  });

  test('together with the start, in whichever order they arrive, no job is left running', async () => {
    const requests = Array.from({ length: 10 }, () => newTask()(0));
    const calls = requests.flatMap((request, index) => {
      const pair = [bench.tasks.ensure(request), bench.tasks.prevent(request, CANCEL)];
      return index % 2 === 0 ? pair : pair.reverse();
    });
    await Promise.all(calls);
    const states = await Promise.all(requests.map(({ id }) => untilClosed(id)));
    expect(new Set(states)).toEqual(new Set(['CANCELED']));
    expect(activeJobs()).toEqual([]);
  });

  test('of an attempt that waits for an earlier one, it leaves the earlier one to its own end', async () => {
    const [zero, one] = three();
    await bench.tasks.prevent(one, CANCEL);
    expect(await untilClosed(one.id)).toBe('CANCELED');
    await bench.tasks.ensure(zero);
    await finish(zero, await untilJob(0));
    expect(jobs.tokens).toHaveLength(1);
  });
});
