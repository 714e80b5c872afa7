import { ReconcileClient, type TaskFilter } from '../../src/client';
import type { ReconcileReport, ReconcileRequest } from '../../activities';
import { createNamespace } from '../support/own-namespace';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import {
  oneNotebook,
  openWorkspaceBench,
  startForeignRun,
  strike,
  TOKEN,
  type WorkspaceBench,
} from './support/workspace-bench';

/** What terminated tasks leave over at the workspace, and what becomes of it. */
let bench: WorkspaceBench;
let reconciler: ReconcileClient;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  const namespace = await createNamespace();
  bench = await openWorkspaceBench({ namespace, foreignAfterMs: 0, requestTimeoutMs: 2_000 });
  const { client } = bench.environment;
  reconciler = new ReconcileClient({ client, workflowTaskQueue: bench.workflowTaskQueue });
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
});

afterEach(() => bench.close());

const HOUR_MS = 3_600_000;
/** One list for all of them: a look at each would load the server more than the tasks do. */
const MANY_TASKS_LIMIT_MS = 120_000;

function reconcile(parts: Partial<ReconcileRequest> = {}): Promise<ReconcileReport> {
  return reconciler.run({ sinceMs: HOUR_MS, action: 'report', by: 'ana', ...parts });
}

async function beginRunning(count: number): Promise<string[]> {
  const ids = await bench.beginMany(count, { name: 'long' });
  const begun = new Set(ids);
  await waitUntil(
    `${count} running tasks`,
    async () => {
      const running = await bench.tasks.list({ open: true, phase: 'RUNNING', limit: 200 });
      return running.filter(({ id }) => begun.has(id)).length === count ? true : undefined;
    },
    MANY_TASKS_LIMIT_MS,
  );
  return ids;
}

async function terminate(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => bench.handle(id).terminate('by the test')));
  const query = "ExecutionStatus = 'Terminated'";
  await waitUntil('the list to show what was terminated', async () => {
    const { count } = await bench.environment.client.workflow.count(query);
    return count >= ids.length ? true : undefined;
  });
}

/** A task whose submit was committed and never answered: its worker is gone, and its workflow terminated. */
async function beginUnanswered(): Promise<string> {
  const before = bench.simulator.counters().runsCreated;
  const workers = await bench.startWorkers();
  strike(bench, { operation: 'submit', kind: 'hang', commitAfterMs: 0, times: 1 });
  const id = await bench.begin({ name: 'long' });
  await waitUntil('the run', () => (bench.simulator.counters().runsCreated > before ? true : undefined));
  await workers.shutdown();
  return id;
}

async function untilListed(filter: TaskFilter, count: number): Promise<void> {
  await waitUntil(`${count} of such tasks in the list`, async () =>
    (await bench.tasks.list(filter)).length === count ? true : undefined,
  );
}

function activeRuns(): number {
  return bench.simulator.counters().activeRuns;
}

const sorted = (texts: readonly (string | undefined)[]): string[] => texts.map(String).sort();

test('after 50 terminated tasks exactly 50 are found, and a cancel stops exactly their runs', async () => {
  const unanswered = await beginUnanswered();
  await bench.handle(unanswered).terminate('by the test');
  await bench.startWorkers();
  const kept = await beginRunning(3);
  const ids = [unanswered, ...(await beginRunning(49))];
  await terminate(ids.slice(1));
  const canceled = kept[0] ?? '';
  await bench.tasks.cancel(canceled);
  await bench.tasks.wait(canceled);
  expect(activeRuns()).toBe(52);

  const found = await reconcile();
  expect(found).toMatchObject({ found: 50, left: 50, handled: 0, markedJobs: 52, unread: [] });
  expect(sorted(found.findings.map(({ taskId }) => taskId))).toEqual(sorted(ids));
  expect(found.findings.every(({ state, closed }) => state === 'ACTIVE' && closed === 'TERMINATED')).toBe(
    true,
  );
  expect(activeRuns()).toBe(52);

  const done = await reconcile({ action: 'cancel' });
  expect(done).toMatchObject({ found: 50, handled: 50, left: 0 });
  const outcomes = await bench.waitAll(ids);
  expect(outcomes.every(({ status }) => status.state === 'CANCELED')).toBe(true);
  expect(outcomes[0]?.status.receipt?.cancel).toMatchObject({
    by: 'ana',
    reason: 'left over, found by reconcile',
  });
  for (const id of kept.slice(1)) expect((await bench.tasks.get(id)).state).toBe('OPEN');
  expect(bench.simulator.counters()).toMatchObject({ runsCreated: 53, activeRuns: 2 });
  expect(await reconcile()).toMatchObject({ found: 0, left: 0 });
}, 300_000);

/** How often a task's events tell of these. */
async function eventsOf(id: string): Promise<Record<'started' | 'terminated' | 'opened', number>> {
  const { lines } = await bench.tasks.logs(id, { source: 'events' });
  const count = (words: string): number => lines.filter((line) => line.includes(words)).length;
  return {
    started: count('the task was started'),
    terminated: count('was terminated from outside'),
    opened: count('the task was opened again'),
  };
}

test('adopt goes on with terminated tasks under their own ids, to the ends of their runs', async () => {
  const unanswered = await beginUnanswered();
  await bench.handle(unanswered).terminate('by the test');
  await bench.startWorkers();
  const ids = [unanswered, ...(await beginRunning(4))];
  await terminate(ids.slice(1));
  const [first = ''] = ids;
  const { startedAt } = await bench.tasks.get(first);
  expect(await reconcile({ action: 'adopt' })).toMatchObject({ found: 5, handled: 5, left: 0 });
  expect(await bench.tasks.get(first)).toMatchObject({ state: 'OPEN', startedAt });
  expect(await eventsOf(first)).toMatchObject({ started: 1, terminated: 1, opened: 1 });
  expect(await reconcile()).toMatchObject({ found: 0 });
  bench.simulator.advanceClock(2 * HOUR_MS);
  const outcomes = await bench.waitAll(ids);
  for (const { status, result } of outcomes) {
    expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
    expect(result?.receipt.attempts).toHaveLength(1);
  }
  expect(bench.simulator.counters()).toMatchObject({ runsCreated: 5, activeRuns: 0 });
}, 120_000);

test('an adopted task keeps its policy: a deleted run is followed by the next attempt, under the next token', async () => {
  await bench.startWorkers();
  const id = await bench.begin({ name: 'long', policy: { onGone: 'resubmit' } });
  const { externalId = '' } = await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  await terminate([id]);
  await reconcile({ action: 'adopt' });
  bench.simulator.deleteRun(externalId);
  await untilStatus(bench, id, ({ attempt, phase }) => attempt === 2 && phase === 'RUNNING');
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
  expect(Object.keys(bench.simulator.counters().tokens).map((token) => token.slice(-2))).toEqual([
    '-1',
    '-2',
  ]);
});

test('a task that a reconciliation stopped is repaired by hand, in its project, and not canceled again', async () => {
  await bench.startWorkers();
  const request = bench.request('databricks', { request: { run_name: 'long', ...oneNotebook() } });
  const { id } = await bench.tasks.start({ ...request, taskExecution: { project: 'sales' } });
  await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  await terminate([id]);
  expect(await reconcile({ action: 'cancel' })).toMatchObject({ handled: 1, left: 0 });
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
  await untilListed({ project: 'sales', open: false, phase: 'ABORTED' }, 1);
  await expect(bench.tasks.repair(id)).resolves.toMatchObject({ id, reopened: true });
  const { externalId = '' } = await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  await untilListed({ project: 'sales', externalId, open: true }, 1);
  bench.simulator.advanceClock(2 * HOUR_MS);
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', externalId });
  expect(result?.receipt.attempts).toMatchObject([{ attempt: 1, repairs: 1 }]);
});

test('the next run of a task that was taken up is not called foreign while its submit is unanswered', async () => {
  await bench.startWorkers();
  const id = await bench.begin({ name: 'long', policy: { onGone: 'resubmit' } });
  const { externalId = '' } = await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  await terminate([id]);
  await reconcile({ action: 'adopt' });
  strike(bench, { operation: 'submit', kind: 'hang', commitAfterMs: 0, times: 0 });
  bench.simulator.deleteRun(externalId);
  await waitUntil('the next run', () => (bench.simulator.counters().runsCreated === 2 ? true : undefined));
  await untilListed({ open: true }, 1);
  expect(await reconcile()).toMatchObject({ markedJobs: 1, findings: [] });
  bench.simulator.clearFaults();
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
});

test('a terminated task whose run has ended by itself is not left over', async () => {
  await bench.startWorkers();
  const [id = ''] = await beginRunning(1);
  await terminate([id]);
  bench.simulator.advanceClock(2 * HOUR_MS);
  expect(await reconcile()).toMatchObject({ closedTasks: 1, found: 0 });
});

test('a submit that nobody can find is reported unknown, not adopted, and fenced by a cancel', async () => {
  strike(bench, { operation: 'submit', kind: 'reset', times: 0 });
  const workers = await bench.startWorkers();
  const id = await bench.begin({ name: 'long' });
  await waitUntil('the submit', () =>
    (bench.simulator.counters().requests['submit'] ?? 0) > 0 ? true : undefined,
  );
  await workers.shutdown();
  await terminate([id]);
  bench.simulator.clearFaults();
  await bench.startWorkers();
  expect((await reconcile()).findings).toMatchObject([{ taskId: id, state: 'UNKNOWN' }]);
  expect(await reconcile({ action: 'adopt' })).toMatchObject({ found: 1, handled: 0, left: 1 });
  expect(bench.simulator.counters().runsCreated).toBe(0);
  expect(await reconcile({ action: 'cancel' })).toMatchObject({ handled: 1, left: 0 });
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
  expect(activeRuns()).toBe(0);
  expect(await reconcile()).toMatchObject({ found: 0 });
});

test('a task that was started anew under the same id is left alone; the earlier run is stopped beside it', async () => {
  await bench.startWorkers();
  const request = bench.request('databricks', { request: { run_name: 'long', ...oneNotebook() } });
  const { id } = await bench.tasks.start(request);
  await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  await terminate([id]);
  await bench.tasks.start(request, 'force');
  await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  const { findings } = await reconcile({ action: 'cancel' });
  expect(findings).toMatchObject([{ taskId: id, followedBy: expect.stringMatching(`^${id}:left:`) }]);
  await bench.tasks.wait(findings[0]?.followedBy ?? '');
  expect((await bench.tasks.get(id)).state).toBe('OPEN');
  expect(activeRuns()).toBe(1);
  expect(await reconcile()).toMatchObject({ found: 0 });
});

test('a run with our mark of another namespace is named, and touched only with --foreign', async () => {
  await bench.startWorkers();
  const [own = ''] = await beginRunning(1);
  const theirs = await startForeignRun(bench, 'long [lh:6655440000-1]');
  await startForeignRun(bench, 'long');
  const { findings } = await reconcile({ action: 'cancel' });
  expect(findings).toMatchObject([
    {
      kind: 'foreign',
      externalId: theirs,
      done: 'nothing',
      note: expect.stringContaining('unknown to this namespace'),
    },
  ]);
  expect(activeRuns()).toBe(3);
  const { findings: acted } = await reconcile({ action: 'cancel', foreign: true });
  expect(acted).toMatchObject([{ externalId: theirs, followedBy: `adopted-simulated-${theirs}` }]);
  await untilListed({ externalId: theirs }, 1);
  await bench.tasks.wait(acted[0]?.followedBy ?? '');
  expect(activeRuns()).toBe(2);
  expect((await bench.tasks.get(own)).state).toBe('OPEN');
});

test('a workspace that cannot be asked is named; one that nobody knows is an error', async () => {
  await bench.startWorkers();
  bench.simulator.revokeToken(TOKEN);
  expect((await reconcile()).unread).toMatchObject([{ place: 'simulated' }]);
  await expect(reconcile({ place: 'elsewhere' })).rejects.toMatchObject({ code: 'CONFIG' });
});

test('a schedule reconciles by itself, is replaced by the next one, and is removed', async () => {
  await bench.startWorkers();
  const [id = ''] = await beginRunning(1);
  await terminate([id]);
  await reconciler.schedule(24 * HOUR_MS, { sinceMs: HOUR_MS, action: 'report' });
  await reconciler.schedule(24 * HOUR_MS, { sinceMs: HOUR_MS, action: 'cancel' });
  const handle = bench.environment.client.schedule.getHandle('longhaul-reconcile');
  expect((await handle.describe()).policies.overlap).toBe('SKIP');
  await handle.trigger();
  await waitUntil('the run to be stopped', () => (activeRuns() === 0 ? true : undefined));
  expect(await reconciler.unschedule()).toBe(true);
  expect(await reconciler.unschedule()).toBe(false);
});

test('without a worker nobody waits in vain', async () => {
  await expect(reconcile()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
