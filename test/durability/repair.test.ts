import type { TaskStatus } from '../../src/client';
import type { JsonObject } from '../../src/connector';
import type { FaultSpec } from '../../src/simulator';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import {
  cancelsSeen,
  openWorkspaceBench,
  requests,
  strike,
  TOKEN,
  untilRequests,
  type WorkspaceBench,
} from './support/workspace-bench';

/** Repairs of runs at the simulated workspace: by policy, by hand, through lost replies, crashes and cancels. */
const LIMIT_MS = 120_000;
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { speed: 10 }, requestTimeoutMs: 2_000 });
});

afterEach(() => bench.close());

const TWO_TASKS: JsonObject = {
  tasks: [
    { task_key: 'load', notebook_task: { notebook_path: '/load' } },
    { task_key: 'sum', notebook_task: { notebook_path: '/sum' }, depends_on: [{ task_key: 'load' }] },
  ],
};

/** The second task fails so often before it goes through. */
function failSum(times: number, terminationCode: string): void {
  for (let attempt = 0; attempt < times; attempt += 1) {
    const outcome = { result: 'FAILED', terminationCode, terminationType: 'INTERNAL_ERROR' };
    bench.simulator.setOutcome({ match: { taskKey: 'sum', attempt }, outcome });
  }
}

interface RepairedRun {
  readonly repairs: readonly { readonly id: number }[];
  readonly tasks: readonly { readonly task_key: string }[];
}

/** What the workspace itself says of a run. */
async function readRun(runId: string | undefined): Promise<RepairedRun> {
  const url = `${bench.simulator.url}/api/2.2/jobs/runs/get?run_id=${runId ?? ''}&include_history=true`;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  const { repair_history: history = [], tasks = [] } = (await answer.json()) as {
    repair_history?: { type: string; id: number }[];
    tasks?: { task_key: string }[];
  };
  return { repairs: history.filter(({ type }) => type === 'REPAIR'), tasks };
}

async function expectRepairedOnce(id: string): Promise<void> {
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', attempt: 1 });
  expect(result?.receipt.attempts).toMatchObject([{ repairs: 1 }]);
  expect((await readRun(status.externalId)).repairs).toHaveLength(1);
  expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
}

async function expectWholePast(id: string): Promise<void> {
  const { lines } = await bench.tasks.logs(id, { source: 'events' });
  const count = (words: string): number => lines.filter((line) => line.includes(words)).length;
  expect(lines[0]).toContain('the task was started');
  expect(count('the task was opened again')).toBe(2);
  expect(count('the task closed: failed')).toBe(2);
  expect(count('attempt 1: then fail')).toBe(2);
  expect(lines.at(-1)).toContain('the task closed: completed');
}

/** Of the three runs under its id the last one counts, whatever is asked for. */
async function expectListedOnce({ id, externalId = '' }: TaskStatus): Promise<void> {
  const listed = async (phase?: string): Promise<TaskStatus[]> => {
    const tasks = await bench.tasks.list({ externalId, ...(phase === undefined ? {} : { phase }) });
    return tasks.filter((task) => task.id === id); // other simulators give equal run ids
  };
  const tasks = await waitUntil('the list to show the last run', async () => {
    const found = await listed();
    return found.some(({ state }) => state === 'COMPLETED') ? found : undefined;
  });
  expect(tasks).toMatchObject([{ phase: 'SUCCEEDED' }]);
  expect(await listed('FAILED')).toEqual([]);
}

test(
  'two repairs in a row, decided by the table, chain and keep what has gone through',
  async () => {
    await bench.startWorkers();
    failSum(2, 'INTERNAL_ERROR');
    const id = await bench.begin({ request: TWO_TASKS });
    const { status, result } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', attempt: 1 });
    const [attempt] = result?.receipt.attempts ?? [];
    expect(attempt).toMatchObject({ repairs: 2, posts: 1 });
    expect(attempt?.repairedEnds).toMatchObject([
      { decision: expect.stringMatching(/^repair: INTERNAL_ERROR .* 1 of 2 tasks went through$/) },
      { decision: expect.stringMatching(/^repair: INTERNAL_ERROR /) },
    ]);
    const { repairs, tasks } = await readRun(status.externalId);
    expect(repairs).toHaveLength(2);
    expect(tasks.filter(({ task_key }) => task_key === 'load')).toHaveLength(1);
    expect(tasks.filter(({ task_key }) => task_key === 'sum')).toHaveLength(3);
  },
  LIMIT_MS,
);

test(
  'a failed task is repaired by hand twice, and stays one task with all of its past',
  async () => {
    await bench.startWorkers();
    failSum(2, 'RUN_EXECUTION_ERROR');
    const id = await bench.begin({ request: TWO_TASKS });
    const { startedAt } = await bench.tasks.get(id);
    for (const expected of [1, 2]) {
      const before = await bench.tasks.wait(id);
      expect(before.status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', cause: 'user' });
      await expect(bench.tasks.repair(id, {})).resolves.toMatchObject({ id, reopened: true });
      const { result } = await bench.tasks.wait(id);
      expect(result?.receipt.attempts).toMatchObject([{ attempt: 1, repairs: expected }]);
    }
    const { status, result } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
    expect(result?.receipt.attempts[0]?.repairedEnds).toMatchObject([
      { phase: 'FAILED', decision: expect.stringMatching(/^fail: /) },
      { phase: 'FAILED', decision: expect.stringMatching(/^fail: /) },
    ]);
    expect((await readRun(status.externalId)).repairs).toHaveLength(2);
    await expect(bench.tasks.repair(id)).rejects.toMatchObject({ code: 'ALREADY_ENDED' });
    expect(status.startedAt).toBe(startedAt);
    const report = await bench.tasks.report(id);
    expect(report).toMatchObject({ causes: [], status: { startedAt } });
    expect(report.healed).toHaveLength(2);
    expect(report.healed[0]?.error).toContain('sum');
    await expectWholePast(id);
    await expectListedOnce(status);
  },
  LIMIT_MS,
);

test('a task whose job runs refuses a repair, and goes on', async () => {
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
  await bench.startWorkers();
  const id = await bench.begin({ name: 'long' });
  await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  await expect(bench.tasks.repair(id)).rejects.toMatchObject({ code: 'JOB_ACTIVE' });
  expect(requests(bench, 'repair')).toBe(0);
  await bench.tasks.cancel(id);
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
});

/** As its button does in Databricks' own pages. */
async function repairInDatabricks(runId: string | undefined): Promise<void> {
  const answer = await fetch(`${bench.simulator.url}/api/2.2/jobs/runs/repair`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: `{"run_id":${runId ?? ''},"rerun_all_failed_tasks":true}`,
  });
  expect(answer.status).toBe(200);
}

test(
  'a run repaired in Databricks itself is followed when the pause before the next attempt is over',
  async () => {
    await bench.startWorkers();
    failSum(1, 'WORKSPACE_RUN_LIMIT_EXCEEDED');
    const id = await bench.begin({ request: TWO_TASKS });
    const { externalId } = await untilStatus(
      bench,
      id,
      ({ message }) => message?.startsWith('next') === true,
    );
    await repairInDatabricks(externalId);
    await bench.tasks.nudge(id);
    const { status, result } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', attempt: 1, externalId });
    expect(result?.receipt.attempts).toMatchObject([{ repairedEnds: [{ phase: expect.any(String) }] }]);
    expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
  },
  LIMIT_MS,
);

test(
  'a repair of an ended task whose run somebody repairs in Databricks already follows theirs',
  async () => {
    await bench.startWorkers();
    failSum(1, 'RUN_EXECUTION_ERROR');
    const id = await bench.begin({ request: TWO_TASKS });
    const { status: failed } = await bench.tasks.wait(id);
    expect(failed.state).toBe('FAILED');
    await repairInDatabricks(failed.externalId);
    await bench.tasks.repair(id);
    const { status } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'COMPLETED', attempt: 1, externalId: failed.externalId });
    expect((await readRun(status.externalId)).repairs).toHaveLength(1);
  },
  LIMIT_MS,
);

test('a canceled task is repaired by hand too', async () => {
  bench.simulator.setOutcome({ match: { taskKey: 'sum', attempt: 0 }, outcome: { runMs: 3_600_000 } });
  await bench.startWorkers();
  const id = await bench.begin({ request: TWO_TASKS });
  await untilStatus(bench, id, ({ message }) => message?.includes('1 of 2') === true);
  await bench.tasks.cancel(id);
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
  await bench.tasks.repair(id);
  await expectRepairedOnce(id);
});

const LOST: readonly (readonly [string, FaultSpec])[] = [
  ['a 503 after the commit', { operation: 'repair', kind: 'commit-then-status', status: 503 }],
  ['a reset after the commit', { operation: 'repair', kind: 'commit-then-reset' }],
  ['no answer at all after the commit', { operation: 'repair', kind: 'hang', commitAfterMs: 0 }],
  ['no answer and a commit only later', { operation: 'repair', kind: 'hang', commitAfterMs: 3_500 }],
  ['a reset before the commit', { operation: 'repair', kind: 'reset' }],
];

test.each(LOST)(
  '%s never begins a second repair',
  async (_what, fault) => {
    await bench.startWorkers();
    failSum(1, 'INTERNAL_ERROR');
    strike(bench, fault);
    await expectRepairedOnce(await bench.begin({ request: TWO_TASKS }));
  },
  LIMIT_MS,
);

test.each([
  ['before the workspace committed', undefined],
  ['after the workspace committed', 0],
] as const)(
  'a worker killed in mid-repair, %s, leaves one repair',
  async (_when, commitAfterMs) => {
    const worker = await bench.spawnWorker();
    failSum(1, 'INTERNAL_ERROR');
    const fault: FaultSpec = { operation: 'repair', kind: 'hang', times: 0 };
    strike(bench, commitAfterMs === undefined ? fault : { ...fault, commitAfterMs });
    const id = await bench.begin({ request: TWO_TASKS });
    await untilRequests(bench, 'repair', 1);
    worker.kill('SIGKILL');
    expect(await worker.ended).toBe('SIGKILL');
    bench.simulator.clearFaults();
    await bench.spawnWorker();
    await expectRepairedOnce(id);
  },
  LIMIT_MS,
);

test(
  'a cancel in mid-repair leaves nothing running, also when the repair arrives after the stop',
  async () => {
    bench.simulator.setOutcome({ match: { taskKey: 'sum', attempt: 1 }, outcome: { runMs: 3_600_000 } });
    await bench.startWorkers();
    failSum(1, 'INTERNAL_ERROR');
    strike(bench, { operation: 'repair', kind: 'hang', commitAfterMs: 6_000 });
    const id = await bench.begin({ request: TWO_TASKS });
    await untilRequests(bench, 'repair', 1);
    const arrivesAt = Date.now() + 6_500;
    await bench.tasks.cancel(id);
    const { status } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED' });
    await waitUntil('the late repair to have arrived', () => (Date.now() > arrivesAt ? true : undefined));
    expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
    expect((await readRun(status.externalId)).repairs.length).toBeLessThanOrEqual(1);
  },
  LIMIT_MS,
);

test(
  'repairs by hand that are refused, a mistyped task and expired credentials, neither run nor cancel nor count',
  async () => {
    await bench.startWorkers();
    failSum(1, 'RUN_EXECUTION_ERROR');
    const id = await bench.begin({ request: TWO_TASKS, policy: { maxAttempts: 2 } });
    await bench.tasks.wait(id);
    const { message: why = '', links } = await bench.tasks.get(id);
    for (const tasks of [['smu'], ['laod']]) {
      await bench.tasks.repair(id, { tasks });
      const { status } = await bench.tasks.wait(id);
      expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', cause: 'user', links });
      const [wrong = ''] = tasks;
      expect(status.message).toBe(
        `${why} A repair was refused: INVALID_TASK: options.tasks: is no task of this run, which has load, sum (got "${wrong}")`,
      );
    }
    strike(bench, { operation: '*', kind: 'status', status: 401, times: 4 });
    await bench.tasks.repair(id);
    const { status: refused } = await bench.tasks.wait(id);
    expect(refused).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', links });
    expect(refused.message).toContain(`${why} A repair was refused: UNAUTHENTICATED: `);
    bench.simulator.clearFaults();
    expect(cancelsSeen(bench)).toBe(0);
    await bench.tasks.repair(id);
    await expectRepairedOnce(id);
  },
  LIMIT_MS,
);
