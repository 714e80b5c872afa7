import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { openWorkspaceBench, strike, type WorkspaceBench } from './support/workspace-bench';

/** Runs that were deleted or have expired at the workspace. */
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ requestTimeoutMs: 2_000 });
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
});

afterEach(() => bench.close());

async function runningTask(policy = {}): Promise<{ readonly id: string; readonly runId: string }> {
  const id = await bench.begin({ name: 'long', policy });
  const { externalId = '' } = await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  return { id, runId: externalId };
}

test('a deleted run ends its task RUN_GONE, and no other is started', async () => {
  await bench.startWorkers();
  const { id, runId } = await runningTask();
  bench.simulator.deleteRun(runId);
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'RUN_GONE' });
  expect(result?.receipt.attempts).toHaveLength(1);
  expect(bench.simulator.counters()).toMatchObject({ submits: 1, runsCreated: 1 });
});

test('with onGone: resubmit a deleted run is followed by another, under another token', async () => {
  await bench.startWorkers();
  const { id, runId } = await runningTask({ onGone: 'resubmit' });
  bench.simulator.deleteRun(runId);
  const again = await untilStatus(bench, id, (status) => status.attempt === 2 && status.phase === 'RUNNING');
  expect(again.externalId).not.toBe(runId);
  await bench.tasks.cancel(id);
  const { result, status } = await bench.tasks.wait(id);
  const tokens = (result?.receipt ?? status.receipt)?.attempts.map(({ token }) => token) ?? [];
  expect(new Set(tokens).size).toBe(2);
  expect(bench.simulator.counters()).toMatchObject({ runsCreated: 2, activeRuns: 0 });
});

test('runs that are deleted again and again end the task after maxAttempts: nothing loops', async () => {
  await bench.startWorkers();
  strike(bench, { operation: 'get', kind: 'run-deleted', times: 0 });
  const id = await bench.begin({ name: 'long', policy: { onGone: 'resubmit', maxAttempts: 3 } });
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'RUN_GONE' });
  expect(result?.receipt.attempts.map(({ decision }) => decision)).toEqual([
    expect.stringContaining('retry: the job is gone'),
    expect.stringContaining('retry: the job is gone'),
    expect.stringContaining('attempt 3 of 3 was the last'),
  ]);
  expect(bench.simulator.counters().runsCreated).toBe(3);
});

test.each([
  ['fail', { state: 'FAILED', code: 'RUN_GONE' }, 1],
  ['resubmit', { state: 'COMPLETED', phase: 'SUCCEEDED' }, 2],
] as const)(
  'a submit whose token names a deleted run is RUN_GONE, never a success: onGone %s',
  async (onGone, end, runs) => {
    strike(bench, { operation: 'submit', kind: 'hang', commitAfterMs: 0, times: 1 });
    const id = await bench.begin({ name: 'quick', policy: { onGone } });
    await bench.startWorkers();
    const runId = await untilStatus(bench, id, () => bench.simulator.counters().runsCreated === 1).then(
      () => Object.values(bench.simulator.counters().tokens)[0]?.runId ?? '',
    );
    bench.simulator.deleteRun(runId);
    const { status, result } = await bench.tasks.wait(id);
    expect(status).toMatchObject(end);
    expect(result?.receipt.attempts).toHaveLength(runs);
    expect(bench.simulator.counters().runsCreated).toBe(runs);
  },
);
