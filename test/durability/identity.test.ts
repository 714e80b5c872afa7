import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import {
  oneNotebook,
  openWorkspaceBench,
  strike,
  untilRequests,
  type WorkspaceBench,
} from './support/workspace-bench';

let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { speed: 20 }, requestTimeoutMs: 5_000 });
  await bench.startWorkers();
});

afterEach(() => bench.close());

function lastBody(): { readonly run_name: string; readonly idempotency_token: string } {
  return JSON.parse(bench.simulator.counters().lastSubmitBody ?? '{}') as ReturnType<typeof lastBody>;
}

test('every submit carries a token of at most 64 characters, and the run name says whose it is', async () => {
  const { result } = await bench.tasks.wait(await bench.begin({ name: 'nightly' }));
  const { run_name, idempotency_token } = lastBody();
  expect(idempotency_token).toBe(result?.receipt.attempts[0]?.token);
  expect(idempotency_token.length).toBeLessThanOrEqual(64);
  expect(run_name).toBe(`nightly [lh:${idempotency_token.slice(-12)}]`);
});

test('a token of the user is refused at the door, by name', async () => {
  const request = { ...oneNotebook(), idempotency_token: 'mine' };
  await expect(bench.begin({ request })).rejects.toMatchObject({
    code: 'INVALID_TASK',
    message: expect.stringContaining('idempotency_token'),
  });
  expect(bench.simulator.counters().submits).toBe(0);
});

/** 2^53 + 1: the first integer that a JavaScript number cannot hold. */
const LARGE_ID = '9007199254740993';

test(`the id ${LARGE_ID} survives submit, poll, link, search attribute and cancel, digit by digit`, async () => {
  await bench.close();
  bench = await openWorkspaceBench({ simulator: { stateFile: stateBefore(LARGE_ID) } });
  await bench.startWorkers();
  bench.simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
  const id = await bench.begin();
  const status = await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  expect(status).toMatchObject({ externalId: LARGE_ID, meta: { runId: LARGE_ID } });
  expect(status.links.map(({ uri }) => uri)).toEqual([expect.stringContaining(`/run/${LARGE_ID}`)]);
  await waitUntil('the task to be found by its run', async () => {
    const query = `ConnectorExternalId = '${LARGE_ID}'`;
    for await (const { workflowId } of bench.environment.client.workflow.list({ query })) {
      if (workflowId === id) return workflowId;
    }
    return undefined;
  });
  await bench.tasks.cancel(id);
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'CANCELED', externalId: LARGE_ID });
  expect(Object.keys(bench.simulator.counters().cancels)).toEqual([LARGE_ID]);
});

/** A workspace whose next id is that of a job, and the one after it that of its run. */
function stateBefore(runId: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'longhaul-ids-')), 'workspace.json');
  writeFileSync(file, JSON.stringify({ version: 1, nextId: String(BigInt(runId) - 1n) }));
  return file;
}

test.each([
  ['SUCCESS', 'COMPLETED', 'SUCCEEDED'],
  ['FAILED', 'FAILED', 'FAILED'],
])(
  'a submit repeated after its run ended %s attaches to that run and looks at its state',
  async (result, state, phase) => {
    bench.simulator.setOutcome({ match: { runName: 'quick' }, outcome: { pendingMs: 1, runMs: 1, result } });
    strike(bench, { operation: 'submit', kind: 'hang', commitAfterMs: 0 });
    const { status, result: taskResult } = await bench.tasks.wait(await bench.begin({ name: 'quick' }));
    expect(status).toMatchObject({ state, phase });
    expect(taskResult?.receipt.attempts).toMatchObject([{ posts: 2 }]);
    expect(bench.simulator.counters().runsCreated).toBe(1);
  },
);

test('a run deleted while it is watched ends RUN_GONE, and nothing is started again', async () => {
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
  const id = await bench.begin({ name: 'long' });
  const { externalId = '' } = await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  expect(bench.simulator.deleteRun(externalId)).toBe(true);
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'RUN_GONE' });
  expect(bench.simulator.counters().runsCreated).toBe(1);
});

test('a run deleted before its lost reply is asked for again ends RUN_GONE', async () => {
  strike(bench, { operation: 'submit', kind: 'hang', commitAfterMs: 0 });
  const id = await bench.begin();
  await untilRequests(bench, 'submit', 1);
  const runId = await waitUntil(
    'the run',
    () => Object.values(bench.simulator.counters().tokens).map((token) => token.runId)[0],
  );
  bench.simulator.deleteRun(runId);
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'RUN_GONE' });
  expect(bench.simulator.counters().runsCreated).toBe(1);
});

test('the same task id joins the running task; with another spec it is refused', async () => {
  const request = { ...bench.request('databricks', { request: oneNotebook() }), id: 'nightly-42' };
  const first = await bench.tasks.start(request);
  expect(await bench.tasks.start(request)).toEqual({ ...first, attached: true });
  const other = {
    ...request,
    template: { ...request.template, custom: { request: { ...oneNotebook(), run_name: 'x' } } },
  };
  await expect(bench.tasks.start(other)).rejects.toMatchObject({ code: 'TOKEN_CONFLICT' });
  await bench.tasks.wait(first.id);
  expect(bench.simulator.counters().runsCreated).toBe(1);
});
