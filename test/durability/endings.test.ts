import type { Outcome } from '../../src/simulator';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { openWorkspaceBench, type WorkspaceBench } from './support/workspace-bench';

let bench: WorkspaceBench;

beforeAll(async () => {
  installQuietRuntime();
  bench = await openWorkspaceBench({ simulator: { speed: 20 } });
  await bench.startWorkers();
});

afterAll(() => bench.close());
beforeEach(() => bench.simulator.clearOutcomes());

interface Row {
  readonly what: string;
  readonly outcome: Outcome;
  readonly code: string;
}

const FAILURES: readonly Row[] = [
  { what: 'FAILED', outcome: { result: 'FAILED' }, code: 'JOB_FAILED' },
  { what: 'TIMEDOUT', outcome: { result: 'TIMEDOUT' }, code: 'JOB_FAILED' },
  { what: 'CANCELED by a third person', outcome: { result: 'CANCELED' }, code: 'JOB_CANCELED_EXTERNALLY' },
  { what: 'UPSTREAM_CANCELED', outcome: { result: 'UPSTREAM_CANCELED' }, code: 'JOB_CANCELED_EXTERNALLY' },
  { what: 'UPSTREAM_FAILED', outcome: { result: 'UPSTREAM_FAILED' }, code: 'JOB_FAILED' },
  { what: 'a result that nobody knows', outcome: { result: 'HALF_DONE' }, code: 'JOB_FAILED' },
  {
    what: 'EXCLUDED',
    outcome: shown({ lifeCycleState: 'TERMINATED', resultState: 'EXCLUDED' }),
    code: 'JOB_FAILED',
  },
  {
    what: 'DISABLED',
    outcome: shown({ lifeCycleState: 'TERMINATED', resultState: 'DISABLED' }),
    code: 'JOB_FAILED',
  },
  {
    what: 'INTERNAL_ERROR without a result',
    outcome: shown({ lifeCycleState: 'INTERNAL_ERROR', resultState: null, statusState: null }),
    code: 'JOB_FAILED',
  },
  {
    what: 'SKIPPED without a result',
    outcome: shown({ lifeCycleState: 'SKIPPED', resultState: null, statusState: null }),
    code: 'JOB_FAILED',
  },
  {
    what: 'TERMINATED without a result',
    outcome: shown({ lifeCycleState: 'TERMINATED', resultState: null, statusState: null }),
    code: 'JOB_FAILED',
  },
  {
    what: 'SUCCESS that its termination code contradicts',
    outcome: shown({ lifeCycleState: 'TERMINATED', resultState: 'SUCCESS', terminationCode: 'DRIVER_ERROR' }),
    code: 'JOB_FAILED',
  },
  {
    what: 'an unknown status that has TERMINATED',
    outcome: shown({ lifeCycleState: 'EVAPORATED', resultState: 'SUCCESS', statusState: 'TERMINATED' }),
    code: 'JOB_FAILED',
  },
];

function shown(state: NonNullable<Outcome['states']>[number]): Outcome {
  return { states: [state] };
}

test.each(FAILURES)('$what is never green: $code', async ({ outcome, code }) => {
  bench.simulator.setOutcome({ match: { runName: 'ending' }, outcome });
  const { status } = await bench.tasks.wait(
    await bench.begin({ name: 'ending', policy: { maxAttempts: 1 } }),
  );
  expect(status).toMatchObject({ state: 'FAILED', code });
  expect(status.phase).not.toBe('SUCCEEDED');
});

test('SUCCESS_WITH_FAILURES, of a failed task whose successor ran all the same, is never green', async () => {
  bench.simulator.setOutcome({
    match: { taskKey: 'broken' },
    outcome: { result: 'FAILED', error: 'no luck' },
  });
  const broken = { task_key: 'broken', notebook_task: { notebook_path: '/broken' } };
  const clean_up = { task_key: 'clean_up', notebook_task: { notebook_path: '/clean_up' } };
  const after = { depends_on: [{ task_key: 'broken' }], run_if: 'ALL_DONE' };
  const { status } = await bench.tasks.wait(
    await bench.begin({ request: { tasks: [broken, { ...clean_up, ...after }] } }),
  );
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED' });
  expect(status.message).toContain('SUCCESS_WITH_FAILURES');
  expect(status.message).toContain('Task broken failed: no luck');
});

test('SUCCESS is green', async () => {
  bench.simulator.setOutcome({ match: { runName: 'ending' }, outcome: { result: 'SUCCESS' } });
  const { status } = await bench.tasks.wait(await bench.begin({ name: 'ending' }));
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
});

test('words that nobody knows keep a run open until it shows its true end', async () => {
  const states = [{ lifeCycleState: 'HIBERNATING', statusState: 'HIBERNATING', forMs: 60_000 }];
  bench.simulator.setOutcome({ match: { runName: 'ending' }, outcome: { states } });
  const id = await bench.begin({ name: 'ending' });
  const open = await untilStatus(bench, id, ({ message = '' }) => message.includes('HIBERNATING'));
  expect(open).toMatchObject({ state: 'OPEN', phase: 'RUNNING' });
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
});

test('a platform failure is tried again under a new token and may end green', async () => {
  const outcome = { result: 'FAILED', terminationCode: 'CLOUD_FAILURE', terminationType: 'CLOUD_FAILURE' };
  bench.simulator.setOutcome({ match: { runName: 'flaky' }, outcome });
  const before = bench.simulator.counters();
  const id = await bench.begin({ name: 'flaky' });
  await untilStatus(bench, id, ({ attempt }) => attempt === 2);
  bench.simulator.clearOutcomes();
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
  const attempts = result?.receipt.attempts ?? [];
  expect(attempts.length).toBeGreaterThanOrEqual(2);
  expect(new Set(attempts.map(({ token }) => token)).size).toBe(attempts.length);
  expect(attempts[0]?.decision).toContain('CLOUD_FAILURE');
  expect(bench.simulator.counters().runsCreated - before.runsCreated).toBe(attempts.length);
});

test('an exhausted quota is waited out on a durable pause, which a nudge ends', async () => {
  const outcome: Outcome = {
    lifeCycleState: 'SKIPPED',
    result: 'MAXIMUM_CONCURRENT_RUNS_REACHED',
    terminationCode: 'MAX_CONCURRENT_RUNS_EXCEEDED',
  };
  bench.simulator.setOutcome({ match: { runName: 'crowded' }, outcome });
  const id = await bench.begin({ name: 'crowded' });
  const waiting = await untilStatus(bench, id, ({ message = '' }) => message.startsWith('next attempt at'));
  expect(waiting).toMatchObject({ state: 'OPEN', attempt: 1 });
  bench.simulator.clearOutcomes();
  expect(await bench.tasks.nudge(id)).toBe(true);
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', attempt: 2 });
  expect(result?.receipt.attempts[0]?.decision).toContain('retryAfter: MAX_CONCURRENT_RUNS_EXCEEDED');
});
