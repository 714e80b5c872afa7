import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { expectOneRunEach, openWorkspaceBench, strike, type WorkspaceBench } from './support/workspace-bench';

/** What the workspace takes, in requests per second, and what it counts at most in ten seconds. */
const LIMIT = 10;
const MOST_IN_TEN_SECONDS = LIMIT * 10 * 1.1;
const LIMIT_MS = 150_000;
/** Looks as often as the policy lets them: only the budget holds them back. */
const EAGER = { pollMin: '1s', pollMax: '1s' };
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);
afterEach(() => bench.close());

describe('a workspace with a limit of 10 requests per second', () => {
  test(
    'never counts more than 110 % of it in any ten seconds; many runs at once all succeed, none in trouble',
    async () => {
      bench = await openWorkspaceBench({ limits: { requestsPerSecond: LIMIT }, simulator: { speed: 5 } });
      await bench.startWorkers();
      const ids = await bench.beginMany(100, { policy: EAGER });
      const outcomes = await bench.waitAll(ids);
      expectOneRunEach(bench, outcomes);
      const { busiestTenSeconds, rateLimited } = bench.simulator.counters();
      expect(busiestTenSeconds).toBeLessThanOrEqual(MOST_IN_TEN_SECONDS);
      expect(busiestTenSeconds).toBeGreaterThan(LIMIT * 10 * 0.5);
      expect(rateLimited).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    'is kept by two worker processes together that share it',
    async () => {
      bench = await openWorkspaceBench({ limits: { requestsPerSecond: LIMIT }, simulator: { speed: 5 } });
      await bench.spawnWorker({ processes: 2 });
      await bench.spawnWorker({ processes: 2 });
      expectOneRunEach(bench, await bench.waitAll(await bench.beginMany(30, { policy: EAGER })));
      expect(bench.simulator.counters().busiestTenSeconds).toBeLessThanOrEqual(MOST_IN_TEN_SECONDS);
    },
    LIMIT_MS,
  );

  test(
    'shows a look that the budget puts off as the next check, never as trouble',
    async () => {
      bench = await openWorkspaceBench({
        limits: { requestsPerSecond: 2 },
        simulator: { timing: { runMs: 20_000 } },
      });
      await bench.startWorkers();
      const ids = await bench.beginMany(8, { policy: EAGER });
      const shown = await Promise.all(
        ids.map((id) => untilStatus(bench, id, ({ phase }) => phase === 'RUNNING')),
      );
      for (const { unreachableSince, code } of shown) {
        expect({ unreachableSince, code }).toEqual({ unreachableSince: undefined, code: undefined });
      }
      const canceled = Date.now();
      await bench.tasks.cancel(ids[0] ?? '');
      expect((await bench.tasks.wait(ids[0] ?? '')).status.state).toBe('CANCELED');
      expect(Date.now() - canceled).toBeLessThan(30_000);
      expectNoTrouble(await bench.waitAll(ids.slice(1)));
    },
    LIMIT_MS,
  );
});

function expectNoTrouble(outcomes: Awaited<ReturnType<WorkspaceBench['waitAll']>>): void {
  for (const { status } of outcomes) expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
}

describe('429', () => {
  test(
    'of a workspace that takes half of what was agreed is waited out: all runs succeed, one each',
    async () => {
      bench = await openWorkspaceBench({
        limits: { requestsPerSecond: LIMIT },
        simulator: { speed: 5, ratePerSecond: LIMIT / 2 },
      });
      await bench.startWorkers();
      expectOneRunEach(bench, await bench.waitAll(await bench.beginMany(15)));
      expect(bench.simulator.counters().rateLimited).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  test(
    'and quotas that last are waited out by submits, which cost no attempt',
    async () => {
      bench = await openWorkspaceBench({ simulator: { speed: 5 } });
      await bench.startWorkers();
      strike(bench, {
        ...{ operation: 'submit', kind: 'status', status: 400, times: 3, code: 'QUOTA_EXCEEDED' },
        ...{ retryAfter: 2, message: 'The quota for the number of jobs has been reached.' },
      });
      const outcomes = await bench.waitAll(await bench.beginMany(5));
      expectOneRunEach(bench, outcomes);
      for (const { result } of outcomes) expect(result?.receipt.attempts).toHaveLength(1);
    },
    LIMIT_MS,
  );
});
