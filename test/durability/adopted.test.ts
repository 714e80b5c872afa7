import { randomBytes, randomUUID } from 'node:crypto';

import { createSealing } from '../../src/config/sealing';
import type { Connection } from '../../src/connector';
import type { NamedRequest } from '../../src/client';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import {
  cancelsSeen,
  oneNotebook,
  openWorkspaceBench,
  startForeignRun,
  type WorkspaceBench,
} from './support/workspace-bench';

/** Jobs that somebody else started, and tasks with tokens of their own, against the simulated workspace. */
const sealing = createSealing([{ id: 'k1', key: randomBytes(32) }]);
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ sealing });
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
  await bench.startWorkers();
});

afterEach(() => bench.close());

function following(externalId: string): NamedRequest {
  const meta = { version: 1, databricksInstance: bench.workspace.host, runId: externalId };
  return {
    ...bench.request('databricks', {}),
    id: `adopts-${randomUUID()}`,
    adopted: { meta, externalId },
  };
}

test('a run that somebody else started is followed to its end, and no other is ever submitted', async () => {
  const request = following(await startForeignRun(bench, 'quick'));
  await bench.tasks.ensure(request);
  const { status, result } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({
    state: 'COMPLETED',
    phase: 'SUCCEEDED',
    externalId: request.adopted?.externalId,
  });
  expect(result?.receipt.attempts).toMatchObject([{ attempt: 1, posts: 0 }]);
  expect(bench.simulator.counters()).toMatchObject({ submits: 1, runsCreated: 1, activeRuns: 0 });
});

test('a cancel that comes together with the task stops the run that somebody else started', async () => {
  const request = following(await startForeignRun(bench, 'long'));
  await bench.tasks.prevent(request, { by: 'Flyte' });
  const { status } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED' });
  expect(cancelsSeen(bench)).toBeGreaterThan(0);
  expect(bench.simulator.counters()).toMatchObject({ submits: 1, runsCreated: 1, activeRuns: 0 });
});

function connectionOf(token: string, sealedFor: string): Connection {
  const values = { databricks_token: token };
  return {
    secrets: { databricks_token: sealing.seal(token, sealedFor) },
    sealedFor,
    digest: sealing.digest(values),
    sealedAt: Date.now(),
  };
}

async function beginWithToken(token: string): Promise<string> {
  bench.simulator.allowToken(token);
  const id = `own-token-${randomUUID()}`;
  const custom = { request: { run_name: 'long', ...oneNotebook() } };
  await bench.tasks.ensure({
    ...bench.request('databricks', custom),
    id,
    connection: connectionOf(token, id),
  });
  await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  return id;
}

test("a task whose token was revoked is followed on with the next one, and never with the workspace's", async () => {
  const id = await beginWithToken('token-1');
  bench.simulator.revokeToken('token-1');
  const shown = await untilStatus(bench, id, ({ unreachableSince }) => unreachableSince !== undefined);
  expect(shown).toMatchObject({ state: 'OPEN', phase: 'RUNNING' });
  bench.simulator.allowToken('token-2');
  await bench.tasks.renewConnection(id, connectionOf('token-2', id));
  await untilStatus(
    bench,
    id,
    ({ unreachableSince, phase }) => unreachableSince === undefined && phase === 'RUNNING',
  );
  await bench.tasks.cancel(id);
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
  expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
});

test('a stop that a revoked token cannot ask for is done right after the next one comes', async () => {
  const id = await beginWithToken('token-3');
  bench.simulator.revokeToken('token-3');
  await bench.tasks.cancel(id, { by: 'ana' });
  await waitUntil('refused tries to stop', () =>
    bench.simulator.counters().authRejections > 2 ? true : undefined,
  );
  expect((await bench.tasks.look(id)).state).toBe('OPEN');
  bench.simulator.allowToken('token-4');
  await bench.tasks.renewConnection(id, connectionOf('token-4', id));
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED' });
  expect(bench.simulator.counters().activeRuns).toBe(0);
});

test('the next attempt of a task submits only when the run of the earlier one is terminal', async () => {
  const [first, second] = [`attempt-0-${randomUUID()}`, `attempt-1-${randomUUID()}`];
  const custom = { request: { run_name: 'long', ...oneNotebook() } };
  await bench.tasks.ensure({ ...bench.request('databricks', custom), id: first });
  await untilStatus(bench, first, ({ phase }) => phase === 'RUNNING');
  await bench.tasks.ensure({ ...bench.request('databricks', custom), id: second, earlierAttempts: [first] });
  await untilStatus(bench, second, ({ phase }) => phase === 'RUNNING');
  expect((await bench.tasks.look(first)).state).toBe('CANCELED');
  expect(bench.simulator.counters()).toMatchObject({ runsCreated: 2, activeRuns: 1 });
  await bench.tasks.cancel(second);
  await bench.tasks.wait(second);
});

describe('adopt', () => {
  test('follows a run to its end; a second adopt joins the same task', async () => {
    const externalId = await startForeignRun(bench, 'long');
    const first = await bench.tasks.adopt({ externalId });
    expect(first).toMatchObject({ id: `adopted-simulated-${externalId}`, attached: false });
    expect(await bench.tasks.adopt({ externalId })).toMatchObject({ id: first.id, attached: true });
    bench.simulator.advanceClock(7_200_000);
    const { status, result } = await bench.tasks.wait(first.id);
    expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', externalId });
    expect(result?.receipt.attempts).toMatchObject([{ attempt: 1, posts: 0 }]);
    await expect(bench.tasks.adopt({ externalId })).rejects.toMatchObject({ code: 'ALREADY_ENDED' });
  });

  test('a canceled one stops the run', async () => {
    const externalId = await startForeignRun(bench, 'long');
    const { id } = await bench.tasks.adopt({
      ...{ externalId, workspace: 'simulated', name: 'theirs', id: `theirs-${randomUUID()}` },
    });
    await bench.tasks.cancel(id);
    expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'CANCELED', name: 'theirs' });
    expect(bench.simulator.counters().activeRuns).toBe(0);
  });

  test('a run that an open task follows is refused by naming that task', async () => {
    const id = await bench.begin({ name: 'long' });
    const { externalId = '' } = await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
    await waitUntil('the list to know the run', async () => {
      const [task] = await bench.tasks.list({ externalId });
      return task;
    });
    await expect(bench.tasks.adopt({ externalId })).rejects.toMatchObject({
      code: 'TOKEN_CONFLICT',
      message: expect.stringContaining(id),
    });
    await bench.tasks.cancel(id);
    await bench.tasks.wait(id);
  });

  test('in a workspace that is open to some projects, a run is followed for those only', async () => {
    const closed = await openWorkspaceBench({ projects: ['etl'] });
    const outer = bench;
    bench = closed;
    try {
      await closed.startWorkers();
      const externalId = await startForeignRun(bench, 'quick');
      const refused = { code: 'PERMISSION_DENIED' };
      await expect(closed.tasks.adopt({ externalId })).rejects.toMatchObject(refused);
      await expect(closed.tasks.adopt({ externalId, project: 'ads' })).rejects.toMatchObject(refused);
      const id = `of-etl-${randomUUID()}`;
      await closed.tasks.adopt({ externalId, project: 'etl', id });
      expect((await closed.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', externalId });
    } finally {
      bench = outer;
      await closed.close();
    }
  });

  test('one id never follows two runs', async () => {
    const [one, two] = [await startForeignRun(bench, 'long'), await startForeignRun(bench, 'long')];
    const id = `mine-${randomUUID()}`;
    await bench.tasks.adopt({ externalId: one, id });
    await expect(bench.tasks.adopt({ externalId: two, id })).rejects.toMatchObject({
      code: 'TOKEN_CONFLICT',
    });
    await bench.tasks.cancel(id);
    await bench.tasks.wait(id);
  });

  test.each([
    ['a run that does not exist', { externalId: '4711' }, 'RUN_GONE'],
    ['what is no run id', { externalId: '1e3' }, 'INVALID_TASK'],
    ['a workspace that no worker knows', { externalId: '4711', workspace: 'elsewhere' }, 'CONFIG'],
    ['a type that nobody serves', { externalId: '4711', taskType: 'nothing' }, 'UNKNOWN_TASK_TYPE'],
  ])('%s is refused, and nothing is started', async (_what, request, code) => {
    await expect(bench.tasks.adopt(request)).rejects.toMatchObject({ code });
    expect(bench.simulator.counters().submits).toBe(0);
  });
});
