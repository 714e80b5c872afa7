import { isJsonObject, type JsonObject } from '../../src/connector';
import { parseLosslessJson, textAt } from '../../src/connectors/databricks/databricks-json';
import { installQuietRuntime } from '../support/task-bench';
import {
  openWorkspaceBench,
  strike,
  TOKEN,
  untilRequests,
  type WorkspaceBench,
} from './support/workspace-bench';

let bench: WorkspaceBench;

beforeAll(() => {
  installQuietRuntime();
});

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { speed: 20 } });
});
afterEach(() => bench.close());

/** What another user of the workspace does. Ids as digits in text. */
async function call(path: string, body: string): Promise<JsonObject> {
  const answer = await fetch(`${bench.simulator.url}/api/2.2/jobs/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body,
  });
  const value = parseLosslessJson(await answer.text());
  if (answer.ok && isJsonObject(value)) return value;
  throw new Error(`${path}: ${JSON.stringify(value)}`);
}

async function saveJob(name: string): Promise<string> {
  const tasks = [{ task_key: 'long', notebook_task: { notebook_path: '/long' } }];
  return textAt(await call('create', JSON.stringify({ name, tasks })), 'job_id') ?? '';
}

function rename(jobId: string, name: string): Promise<JsonObject> {
  return call('update', `{"job_id":${jobId},"new_settings":{"name":${JSON.stringify(name)}}}`);
}

async function begin(name: string): Promise<string> {
  const custom = { request: { job_name: name } };
  return (await bench.tasks.start(bench.request('databricks', custom))).id;
}

const jobIdsSent = (): string[] =>
  bench.simulator.counters().submitBodies.map((body) => /"job_id":(\d+)/.exec(body)?.[1] ?? '');

test('a saved job runs by its name', async () => {
  const jobId = await saveJob('nightly');
  await saveJob('Nightly');
  await bench.startWorkers();
  const { status } = await bench.tasks.wait(await begin('nightly'));
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
  expect(jobIdsSent()).toEqual([jobId]);
});

test('a run whose answer was lost is stopped although its job was renamed and another took the name', async () => {
  const jobId = await saveJob('nightly');
  strike(bench, { operation: 'run-now', kind: 'commit-then-reset', times: 1 });
  await bench.startWorkers();
  const id = await begin('nightly');
  await untilRequests(bench, 'run-now', 1);
  await rename(jobId, 'nightly (old)');
  await saveJob('nightly');
  await bench.tasks.cancel(id);
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'CANCELED', code: 'CANCELED' });
  expect(new Set(jobIdsSent())).toEqual(new Set([jobId]));
  expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
});

test('a lost worker’s successor starts the job that was found first, whatever its name is by now', async () => {
  const jobId = await saveJob('nightly');
  strike(bench, { operation: 'run-now', kind: 'hang', times: 1, commitAfterMs: 1 });
  const worker = await bench.spawnWorker();
  const id = await begin('nightly');
  await untilRequests(bench, 'run-now', 1);
  worker.kill();
  await rename(jobId, 'nightly (old)');
  await bench.startWorkers();
  expect((await bench.tasks.wait(id)).status).toMatchObject({ phase: 'SUCCEEDED' });
  expect(jobIdsSent()).toEqual([jobId, jobId]);
  expect(bench.simulator.counters().runsCreated).toBe(1);
});

test('a task that could not look its job up yet is canceled at once, and nothing was ever started', async () => {
  strike(bench, { operation: 'jobs-list', kind: 'status', status: 503, times: 0 });
  await bench.startWorkers();
  const id = await begin('nightly');
  await untilRequests(bench, 'jobs-list', 1);
  await bench.tasks.cancel(id);
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'CANCELED' });
  expect(bench.simulator.counters()).toMatchObject({ submits: 0, runsCreated: 0 });
});
