import type { FaultSpec } from '../../src/simulator';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import {
  cancelsSeen,
  openWorkspaceBench,
  REPEAT,
  strike,
  untilRequests,
  type WorkspaceBench,
} from './support/workspace-bench';

const LIMIT_MS = 150_000;
/** The large proof, by hand: a submit that commits half a minute after everybody has given it up. */
const LATE_COMMIT_MS = Number(process.env['LONGHAUL_DURABILITY_LATE_COMMIT_MS'] ?? 5_000);
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ requestTimeoutMs: 3_000 });
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
});

afterEach(() => bench.close());

type Way = (id: string) => Promise<unknown>;

/** Every way to ask for a cancel; they end alike. */
const WAYS: readonly (readonly [string, Way])[] = [
  ['the task client', (id) => bench.tasks.cancel(id, { by: 'ana', reason: 'wrong table' })],
  ["Temporal's own cancel", (id) => bench.handle(id).cancel()],
  ['a bare signal', (id) => bench.handle(id).signal('cancel')],
];

/** Closed as Canceled, and at that moment nothing was left running. */
async function expectCanceled(ids: readonly string[]): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      const { status } = await bench.tasks.wait(id);
      expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED', code: 'CANCELED' });
      const { externalId } = status;
      if (externalId !== undefined) expect(await lifeCycleOf(externalId)).toBe('TERMINATED');
    }),
  );
  expect(bench.simulator.counters().activeRuns).toBe(0);
}

async function lifeCycleOf(runId: string): Promise<unknown> {
  const answer = await fetch(`${bench.simulator.url}/api/2.2/jobs/runs/get?run_id=${runId}`, {
    headers: { authorization: 'Bearer simulated-token-of-the-bench' },
  });
  const { state } = (await answer.json()) as { state: { life_cycle_state: string } };
  return state.life_cycle_state;
}

function untilPhase(ids: readonly string[], wanted: string): Promise<unknown> {
  return Promise.all(ids.map((id) => untilStatus(bench, id, ({ phase }) => phase === wanted)));
}

describe.each(WAYS)('a cancel by %s', (_name, cancel) => {
  test(
    'of a running task closes it only after its run is terminal',
    async () => {
      await bench.startWorkers();
      const ids = await bench.beginMany(REPEAT, { name: 'long' });
      await untilPhase(ids, 'RUNNING');
      await Promise.all(ids.map(cancel));
      await expectCanceled(ids);
      expect(bench.simulator.counters().runsCreated).toBe(REPEAT);
    },
    LIMIT_MS,
  );

  test(
    'before any worker took the task starts nothing',
    async () => {
      const ids = await bench.beginMany(REPEAT, { name: 'long' });
      await Promise.all(ids.map(cancel));
      await bench.startWorkers();
      await expectCanceled(ids);
      expect(bench.simulator.counters().runsCreated).toBe(0);
    },
    LIMIT_MS,
  );
});

test(
  'a cancel of a run that waits in the queue of the workspace takes it out of it',
  async () => {
    await bench.close();
    bench = await openWorkspaceBench({ simulator: { maxActiveRuns: 1 } });
    bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
    await bench.startWorkers();
    const first = await bench.begin({ name: 'long' });
    await untilPhase([first], 'RUNNING');
    const queued = await bench.beginMany(3, { name: 'long' });
    await Promise.all(
      queued.map((id) => untilStatus(bench, id, (status) => status.externalId !== undefined)),
    );
    await untilPhase(queued, 'QUEUED');
    await Promise.all(queued.map((id) => bench.tasks.cancel(id)));
    await Promise.all(queued.map((id) => bench.tasks.wait(id)));
    expect(bench.simulator.counters().activeRuns).toBe(1);
    await bench.tasks.cancel(first);
    await expectCanceled([first, ...queued]);
  },
  LIMIT_MS,
);

const SUBMITTING: readonly (readonly [string, FaultSpec])[] = [
  ['that never commits', { operation: 'submit', kind: 'hang' }],
  ['that has committed', { operation: 'submit', kind: 'hang', commitAfterMs: 0 }],
  ['that commits late', { operation: 'submit', kind: 'hang', commitAfterMs: LATE_COMMIT_MS }],
  ['that is answered with a 503 after its commit', { operation: 'submit', kind: 'commit-then-status' }],
];

test.each(SUBMITTING)(
  'a cancel during a submit %s leaves nothing running, now or later',
  async (_what, fault) => {
    await bench.startWorkers();
    strike(bench, { ...fault, status: 503, times: REPEAT });
    const ids = await bench.beginMany(REPEAT, { name: 'long' });
    await untilRequests(bench, 'submit', Math.min(REPEAT, 30));
    const askedAt = Date.now();
    await Promise.all(ids.map((id) => bench.tasks.cancel(id)));
    await expectCanceled(ids);
    await waitUntil(
      'the late commits',
      () => (Date.now() - askedAt > (fault.commitAfterMs ?? 0) + 500 ? true : undefined),
      LIMIT_MS,
    );
    expect(bench.simulator.counters()).toMatchObject({ activeRuns: 0 });
    expect(bench.simulator.counters().runsCreated).toBeLessThanOrEqual(REPEAT);
  },
  LIMIT_MS,
);

test(
  'a cancel during an outage of the workspace stays open, says so, and is done when it is back',
  async () => {
    await bench.startWorkers();
    const ids = await bench.beginMany(REPEAT, { name: 'long' });
    await untilPhase(ids, 'RUNNING');
    await bench.simulator.setRefusing(true);
    await Promise.all(ids.map((id) => bench.tasks.cancel(id, { by: 'ana' })));
    for (const id of ids) {
      const shown = await untilStatus(bench, id, ({ canceling }) => canceling !== undefined);
      expect(shown).toMatchObject({ state: 'OPEN', canceling: { by: 'ana' } });
      expect(shown.message).toContain('Canceling');
    }
    await bench.simulator.setRefusing(false);
    await expectCanceled(ids);
  },
  LIMIT_MS,
);

test(
  'a cancel of a submit that an outage holds back starts nothing that stays',
  async () => {
    await bench.startWorkers();
    await bench.simulator.setRefusing(true);
    const ids = await bench.beginMany(REPEAT, { name: 'long' });
    await untilPhase(ids, 'QUEUED');
    await Promise.all(ids.map((id) => bench.tasks.cancel(id)));
    await bench.simulator.setRefusing(false);
    await expectCanceled(ids);
  },
  LIMIT_MS,
);

test(
  'a cancel reaches a workspace whose reads all hang',
  async () => {
    await bench.close();
    bench = await openWorkspaceBench({ requestTimeoutMs: 60_000 });
    bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
    await bench.startWorkers();
    const ids = await bench.beginMany(40, { name: 'long' });
    await untilPhase(ids, 'RUNNING');
    strike(bench, { operation: 'get', kind: 'hang', times: 0 });
    await untilRequests(bench, 'get', bench.simulator.counters().gets + 32);
    await bench.tasks.cancel(ids[0] ?? '');
    await untilRequests(bench, 'cancel', 1);
    expect(cancelsSeen(bench)).toBe(1);
  },
  LIMIT_MS,
);

test(
  'a second cancel, by whatever way, changes nothing',
  async () => {
    await bench.startWorkers();
    strike(bench, { operation: 'cancel', kind: 'latency', ms: 1_000, times: 3 });
    const ids = await bench.beginMany(3, { name: 'long' });
    await untilPhase(ids, 'RUNNING');
    await Promise.all(ids.map((id) => bench.tasks.cancel(id, { by: 'ana' })));
    await Promise.all(ids.map(async (id, index) => WAYS[index]?.[1](id)));
    await expectCanceled(ids);
    for (const id of ids) expect((await bench.tasks.get(id)).receipt?.cancel).toMatchObject({ by: 'ana' });
  },
  LIMIT_MS,
);

test(
  'a workspace that forgets the first cancel is asked again until the run is seen stopped',
  async () => {
    await bench.startWorkers();
    const id = await bench.begin({ name: 'long' });
    await untilPhase([id], 'RUNNING');
    strike(bench, { operation: 'cancel', kind: 'status', status: 200, times: 2 });
    await bench.tasks.cancel(id);
    await expectCanceled([id]);
    expect(cancelsSeen(bench)).toBeGreaterThanOrEqual(1);
  },
  LIMIT_MS,
);

test(
  'a run that ends by itself while it is being canceled: Canceled, with its true end in the receipt',
  async () => {
    bench.simulator.setOutcome({ match: { runName: 'short' }, outcome: { runMs: 4_000 } });
    await bench.startWorkers();
    const id = await bench.begin({ name: 'short' });
    await untilPhase([id], 'RUNNING');
    strike(bench, { operation: 'cancel', kind: 'status', status: 503, times: 0 });
    await bench.tasks.cancel(id);
    await waitUntil('the run to end', () => (bench.simulator.counters().activeRuns === 0 ? true : undefined));
    bench.simulator.clearFaults();
    const { status } = await bench.tasks.wait(id);
    expect(status.state).toBe('CANCELED');
    expect(status.receipt?.cancel?.outcome).toContain('SUCCEEDED');
  },
  LIMIT_MS,
);
