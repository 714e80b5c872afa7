import type { TaskRequest } from '../../src/client';
import { isJsonObject, type JsonObject } from '../../src/connector';
import { numberAt, parseLosslessJson, textAt } from '../../src/connectors/databricks/databricks-json';
import { installQuietRuntime } from '../support/task-bench';
import { expectOneRunEach, openWorkspaceBench, TOKEN, type WorkspaceBench } from './support/workspace-bench';

/** A saved job that runs a few times at once, started many times: the rest waits in its queue. */
const STARTS = 50;
const AT_ONCE = 3;
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { speed: 10 } });
});

afterEach(() => bench.close());

async function call(path: string, body?: JsonObject): Promise<JsonObject> {
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(`${bench.simulator.url}/api/2.2/jobs/${path}`, {
    ...{ headers: { authorization: `Bearer ${TOKEN}` } },
    ...post,
  });
  const value = parseLosslessJson(await answer.text());
  if (answer.ok && isJsonObject(value)) return value;
  throw new Error(`${path}: ${JSON.stringify(value)}`);
}

/** When a run was created, when it left the queue, and when it ended, by the workspace's clock. */
interface Span {
  readonly createdAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

async function spanOf(runId: string): Promise<Span> {
  const run = await call(`runs/get?run_id=${runId}`);
  const [createdAt = 0, endedAt = 0] = [numberAt(run, 'start_time'), numberAt(run, 'end_time')];
  return { createdAt, startedAt: createdAt + (numberAt(run, 'queue_duration') ?? 0), endedAt };
}

/** The most that ran at any moment; one that ends as another starts makes room for it. */
function mostAtOnce(spans: readonly Span[]): number {
  const active = spans.map(
    ({ startedAt: at }) => spans.filter(({ startedAt, endedAt }) => startedAt <= at && at < endedAt).length,
  );
  return Math.max(...active);
}

test('50 starts of a job that runs three at once: never a fourth, fifty successes, first come first served', async () => {
  const tasks = [{ task_key: 'main', notebook_task: { notebook_path: '/main' } }];
  const settings = { name: 'capped', max_concurrent_runs: AT_ONCE, queue: { enabled: true }, tasks };
  const jobId = textAt(await call('create', settings), 'job_id') ?? '';
  await bench.startWorkers();
  const request = (): TaskRequest => bench.request('databricks', { request: { job_id: jobId } });
  const begun = Array.from({ length: STARTS }, () => bench.tasks.start(request()));
  const outcomes = await bench.waitAll((await Promise.all(begun)).map(({ id }) => id));
  expectOneRunEach(bench, outcomes);
  const spans = await Promise.all(outcomes.map(({ status }) => spanOf(status.externalId ?? '')));
  expect(spans).toHaveLength(STARTS);
  expect(mostAtOnce(spans)).toBe(AT_ONCE);
  const queued = [...spans].sort((a, b) => a.createdAt - b.createdAt || a.startedAt - b.startedAt);
  const started = queued.map(({ startedAt }) => startedAt);
  expect(started).toEqual([...started].sort((a, b) => a - b));
  expect(queued.filter(({ createdAt, startedAt }) => startedAt > createdAt).length).toBeGreaterThan(
    STARTS / 2,
  );
}, 60_000);
