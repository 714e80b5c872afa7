import type { JsonObject } from '../../src/connector';
import type { SimulatorOptions } from '../../src/simulator';
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
afterEach(() => bench.close());

/** One worker, and a workspace that takes 300 ms for each request. */
async function open(simulator: SimulatorOptions = {}): Promise<void> {
  bench = await openWorkspaceBench({ simulator: { speed: 5, ...simulator } });
  strike(bench, { operation: '*', kind: 'latency', ms: 300 });
  await bench.startWorkers();
}

/** Beyond 100, more than one page. */
function notebooks(count: number): JsonObject {
  const tasks = Array.from({ length: count }, (_, index) => ({
    task_key: `task-${index}`,
    notebook_task: { notebook_path: `/notebooks/${index}` },
  }));
  return { tasks };
}

test.each([101, 250, 1_000])(
  'a run of %i tasks at 300 ms a request is read to its green end',
  async (count) => {
    await open();
    const outcome = await bench.tasks.wait(await bench.begin({ request: notebooks(count) }));
    expectOneRunEach(bench, [outcome]);
    expect(outcome.result?.resource.customInfo).toMatchObject({ tasks: count, tasks_done: count });
    expect(requests(bench, 'get-output')).toBeLessThanOrEqual(20);
  },
  120_000,
);

test('a failed run of 1,000 tasks asks for the outputs of three of them at most', async () => {
  await open();
  bench.simulator.setOutcome({
    match: { runName: 'broken' },
    outcome: { result: 'FAILED', error: 'no luck' },
  });
  const id = await bench.begin({ name: 'broken', request: notebooks(1_000) });
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED' });
  expect(status.message).toContain('no luck');
  expect(status.message).toContain('999 more tasks failed');
  expect(requests(bench, 'get-output')).toBe(3);
}, 120_000);

describe('a workspace that knows only Jobs API 2.1', () => {
  beforeEach(() => open({ newestApi: '2.1' }));

  test('runs 100 tasks to their green end, asks for 2.2 once, and the task says which version it is', async () => {
    const outcome = await bench.tasks.wait(await bench.begin({ request: notebooks(100) }));
    expectOneRunEach(bench, [outcome]);
    const { customInfo } = outcome.result?.resource ?? {};
    expect(customInfo).toMatchObject({ tasks: 100, tasks_done: 100, api_version: '2.1' });
    expect(requests(bench, 'other')).toBe(1);
  }, 120_000);

  test('refuses more than 100 tasks before anything is started, in its own words', async () => {
    const { status } = await bench.tasks.wait(await bench.begin({ request: notebooks(101) }));
    expect(status).toMatchObject({ state: 'FAILED', code: 'INVALID_TASK' });
    expect(status.message).toContain('can only be handled by API 2.2');
    expect(bench.simulator.counters().runsCreated).toBe(0);
  });
});
