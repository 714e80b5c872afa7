import type { FaultSpec } from '../../src/simulator';
import type { TypeScriptChild } from '../support/run-typescript-child';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import {
  cancelsSeen,
  countPosts,
  expectOneRunEach,
  openWorkspaceBench,
  REPEAT,
  requests,
  strike,
  untilRequests,
  type WorkspaceBench,
} from './support/workspace-bench';

const LIMIT_MS = 120_000;
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { timing: { runMs: 3_000 } } });
});

afterEach(() => bench.close());

/** SIGKILL, and another worker in its place once it is dead. */
async function replace(worker: TypeScriptChild): Promise<void> {
  worker.kill('SIGKILL');
  expect(await worker.ended).toBe('SIGKILL');
  bench.simulator.clearFaults();
  await bench.spawnWorker();
}

const CREATING: readonly (readonly [string, FaultSpec, number])[] = [
  ['before the workspace committed', { operation: 'submit', kind: 'hang', times: 0 }, 0],
  ['after the workspace committed', { operation: 'submit', kind: 'hang', commitAfterMs: 0, times: 0 }, 1],
];

test.each(CREATING)(
  'a worker killed while submitting, %s, leaves one run each',
  async (_when, fault, committed) => {
    const worker = await bench.spawnWorker();
    strike(bench, fault);
    const ids = await bench.beginMany(REPEAT);
    await untilRequests(bench, 'submit', Math.min(REPEAT, 30));
    await waitUntil('the commits', () =>
      bench.simulator.counters().runsCreated >= committed * Math.min(REPEAT, 30) ? true : undefined,
    );
    await replace(worker);
    const outcomes = await bench.waitAll(ids);
    expectOneRunEach(bench, outcomes);
    const posts = countPosts(bench, outcomes);
    expect(posts.receipts).toBeGreaterThanOrEqual(posts.workspace);
    expect(posts.workspace).toBe(2 * REPEAT);
  },
  LIMIT_MS,
);

test(
  'a worker that lacks the workspace cannot end a task whose submit may have committed',
  async () => {
    const worker = await bench.spawnWorker();
    strike(bench, { operation: 'submit', kind: 'hang', commitAfterMs: 0, times: 0 });
    const id = await bench.begin({ workspace: bench.simulator.url });
    await untilRequests(bench, 'submit', 1);
    worker.kill('SIGKILL');
    bench.simulator.clearFaults();
    const stranger = await bench.spawnWorker({ host: 'https://other.invalid' });
    await waitUntil('its refusal', async () => {
      const { raw, status } = await bench.handle(id).describe();
      expect(status.name).toBe('RUNNING');
      const failure = raw.pendingActivities?.[0]?.lastFailure?.applicationFailureInfo;
      return failure?.type === 'CONFIG' ? true : undefined;
    });
    await replace(stranger);
    expectOneRunEach(bench, [await bench.tasks.wait(id)]);
  },
  LIMIT_MS,
);

test(
  'a worker killed while polling leaves the runs alone and another one sees their end',
  async () => {
    const worker = await bench.spawnWorker();
    const ids = await bench.beginMany(REPEAT);
    await untilRequests(bench, 'submit', REPEAT);
    strike(bench, { operation: 'get', kind: 'hang', times: 0 });
    const before = requests(bench, 'get');
    await untilRequests(bench, 'get', before + Math.min(REPEAT, 20));
    await replace(worker);
    expectOneRunEach(bench, await bench.waitAll(ids));
    expect(cancelsSeen(bench)).toBe(0);
  },
  LIMIT_MS,
);

test.each([
  ['before the workspace took note', undefined],
  ['after the workspace took note', 0],
] as const)(
  'a worker killed while canceling, %s, leaves nothing running',
  async (_when, commitAfterMs) => {
    bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
    const worker = await bench.spawnWorker();
    const ids = await bench.beginMany(REPEAT, { name: 'long' });
    await Promise.all(ids.map((id) => untilStatus(bench, id, ({ phase }) => phase === 'RUNNING')));
    const fault: FaultSpec = { operation: 'cancel', kind: 'hang', times: 0 };
    strike(bench, commitAfterMs === undefined ? fault : { ...fault, commitAfterMs });
    await Promise.all(ids.map((id) => bench.tasks.cancel(id, { by: 'test' })));
    await untilRequests(bench, 'cancel', Math.min(REPEAT, 20));
    await replace(worker);
    const outcomes = await bench.waitAll(ids);
    expect(bench.simulator.counters()).toMatchObject({ activeRuns: 0, runsCreated: REPEAT });
    for (const { status } of outcomes) expect(status).toMatchObject({ state: 'CANCELED', code: 'CANCELED' });
  },
  LIMIT_MS,
);
