import { startDevServer, type DevServer } from '../../src/temporal/dev-server';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import { durableServerOptions } from '../temporal/support';
import {
  cancelsSeen,
  expectOneRunEach,
  openWorkspaceBench,
  REPEAT,
  requests,
  TOKEN,
  untilRequests,
  type WorkspaceBench,
  type WorkspaceBenchOptions,
} from './support/workspace-bench';

const LIMIT_MS = 150_000;
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);
afterEach(() => bench.close());

async function open(options: WorkspaceBenchOptions = {}): Promise<void> {
  bench = await openWorkspaceBench(options);
}

describe('Temporal killed and started again on its file', () => {
  let server: DevServer;

  afterEach(() => server.stop());

  test(
    'tasks that submit, poll and cancel meanwhile end right, with one run each',
    async () => {
      const options = await durableServerOptions();
      server = await startDevServer(options);
      await open({ temporalAddress: server.address, simulator: { timing: { runMs: 20_000 } } });
      await bench.spawnWorker();
      const polling = await bench.beginMany(REPEAT);
      await Promise.all(polling.map((id) => untilStatus(bench, id, ({ phase }) => phase === 'RUNNING')));
      const [canceled = ''] = polling;
      bench.simulator.addFault({ operation: 'submit', kind: 'latency', ms: 3_000 });
      const submitting = await bench.beginMany(REPEAT);
      await bench.tasks.cancel(canceled);
      await untilRequests(bench, 'submit', REPEAT + 1);
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
      server = await startDevServer(options);
      const outcomes = await bench.waitAll([...polling.slice(1), ...submitting]);
      expect((await bench.tasks.wait(canceled)).status.state).toBe('CANCELED');
      for (const { status } of outcomes) {
        expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
      }
      expect(bench.simulator.counters()).toMatchObject({ runsCreated: 2 * REPEAT, activeRuns: 0 });
      expect(Object.keys(bench.simulator.counters().cancels)).toHaveLength(1);
    },
    LIMIT_MS,
  );
});

describe('a workspace that refuses connections', () => {
  test(
    'is shown as trouble, waited out and costs no run',
    async () => {
      await open({ simulator: { timing: { runMs: 3_000 } } });
      await bench.startWorkers();
      const ids = await bench.beginMany(REPEAT);
      await Promise.all(ids.map((id) => untilStatus(bench, id, ({ phase }) => phase === 'RUNNING')));
      await bench.simulator.setRefusing(true);
      const late = await bench.beginMany(REPEAT);
      for (const id of ids) {
        const shown = await untilStatus(bench, id, ({ unreachableSince }) => unreachableSince !== undefined);
        expect(shown).toMatchObject({ state: 'OPEN', phase: 'RUNNING', code: 'UNAVAILABLE' });
        expect(shown.message).toMatch(/unreachable|out of reach/);
      }
      await bench.simulator.setRefusing(false);
      expectOneRunEach(bench, await bench.waitAll([...ids, ...late]));
      expect(cancelsSeen(bench)).toBe(0);
    },
    LIMIT_MS,
  );
});

describe('credentials', () => {
  test(
    'a revoked token that is allowed again costs no run',
    async () => {
      await open({ simulator: { timing: { runMs: 3_000 } } });
      await bench.startWorkers();
      const ids = await bench.beginMany(REPEAT);
      await Promise.all(ids.map((id) => untilStatus(bench, id, ({ phase }) => phase === 'RUNNING')));
      bench.simulator.revokeToken(TOKEN);
      for (const id of ids) await untilStatus(bench, id, ({ code }) => code === 'UNAUTHENTICATED');
      expect(bench.simulator.counters().activeRuns).toBeLessThanOrEqual(REPEAT);
      bench.simulator.allowToken(TOKEN);
      expectOneRunEach(bench, await bench.waitAll(ids));
      expect(cancelsSeen(bench)).toBe(0);
    },
    LIMIT_MS,
  );

  test('a token revoked before the submit is a clear rejection: nothing was started', async () => {
    await open();
    await bench.startWorkers();
    bench.simulator.revokeToken(TOKEN);
    const { status } = await bench.tasks.wait(await bench.begin());
    expect(status).toMatchObject({ state: 'FAILED', code: 'UNAUTHENTICATED' });
    expect(bench.simulator.counters().runsCreated).toBe(0);
  });

  test(
    'short-lived OAuth tokens are renewed all the way, without a word to the user',
    async () => {
      const clients = [{ id: 'app', secret: 'secret-of-the-app' }];
      await open({
        simulator: { tokens: [], clients, tokenLifetimeSeconds: 3, timing: { runMs: 8_000 } },
        auth: { kind: 'oauth-m2m', clientId: 'app', clientSecret: 'secret-of-the-app' },
      });
      await bench.startWorkers();
      const ids = await bench.beginMany(REPEAT);
      expectOneRunEach(bench, await bench.waitAll(ids));
      const { tokenRequests } = bench.simulator.counters();
      expect(tokenRequests).toBeGreaterThan(2);
      expect(tokenRequests).toBeLessThan(requests(bench, 'get'));
    },
    LIMIT_MS,
  );

  test(
    'an access token that the workspace forgets is asked for again at once',
    async () => {
      const clients = [{ id: 'app', secret: 'secret-of-the-app' }];
      await open({
        simulator: { tokens: [], clients, tokenLifetimeSeconds: 3_600, timing: { runMs: 3_000 } },
        auth: { kind: 'oauth-m2m', clientId: 'app', clientSecret: 'secret-of-the-app' },
      });
      await bench.startWorkers();
      const id = await bench.begin();
      await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
      bench.simulator.advanceClock(3_600_000);
      expectOneRunEach(bench, [await bench.tasks.wait(id)]);
      await waitUntil('the renewal', () =>
        bench.simulator.counters().tokenRequests === 2 ? true : undefined,
      );
    },
    LIMIT_MS,
  );
});
