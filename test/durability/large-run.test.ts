import type { JsonObject } from '../../src/connector';
import { installQuietRuntime } from '../support/task-bench';
import {
  expectOneRunEach,
  openWorkspaceBench,
  requests,
  strike,
  type WorkspaceBench,
} from './support/workspace-bench';

let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { speed: 5 } });
  strike(bench, { operation: '*', kind: 'latency', ms: 300 });
  await bench.startWorkers();
});

afterEach(() => bench.close());

/** Far beyond one page of 100 tasks. */
function thousandNotebooks(): JsonObject {
  const tasks = Array.from({ length: 1_000 }, (_, index) => ({
    task_key: `task-${index}`,
    notebook_task: { notebook_path: `/notebooks/${index}` },
  }));
  return { tasks };
}

test('a run of 1,000 tasks at 300 ms a request is read to its green end', async () => {
  const outcome = await bench.tasks.wait(await bench.begin({ request: thousandNotebooks() }));
  expectOneRunEach(bench, [outcome]);
  expect(outcome.result?.resource.customInfo).toMatchObject({ tasks: 1_000, tasks_done: 1_000 });
  expect(requests(bench, 'get-output')).toBe(0);
}, 120_000);

test('a failed run of 1,000 tasks asks for the outputs of three of them at most', async () => {
  bench.simulator.setOutcome({
    match: { runName: 'broken' },
    outcome: { result: 'FAILED', error: 'no luck' },
  });
  const id = await bench.begin({ name: 'broken', request: thousandNotebooks() });
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED' });
  expect(status.message).toContain('no luck');
  expect(status.message).toContain('999 more tasks failed');
  expect(requests(bench, 'get-output')).toBe(3);
}, 120_000);
