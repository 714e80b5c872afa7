import { randomBytes, randomUUID } from 'node:crypto';

import { createSealing } from '../../src/config/sealing';
import type { Connection } from '../../src/connector';
import type { TaskRequest } from '../../src/client';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import {
  cancelsSeen,
  oneNotebook,
  openWorkspaceBench,
  TOKEN,
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

type NamedRequest = TaskRequest & { readonly id: string };

/** A run as flytekit's own connector starts it: without any token of ours. */
async function startForeignRun(runName: string): Promise<string> {
  const answer = await fetch(`${bench.simulator.url}/api/2.2/jobs/runs/submit`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ run_name: runName, ...oneNotebook() }),
  });
  const { run_id: runId } = (await answer.json()) as { run_id: number };
  return String(runId);
}

function following(externalId: string): NamedRequest {
  const meta = { version: 1, databricksInstance: bench.workspace.host, runId: externalId };
  return {
    ...bench.request('databricks', {}),
    id: `adopts-${randomUUID()}`,
    adopted: { meta, externalId },
  };
}

test('a run that somebody else started is followed to its end, and no other is ever submitted', async () => {
  const request = following(await startForeignRun('quick'));
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
  const request = following(await startForeignRun('long'));
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
