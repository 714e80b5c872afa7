import { randomUUID } from 'node:crypto';

import type { RatedTaskQueues, TaskQueues } from '../../src/connector';
import { runJob, ScriptedConnector } from '../support/scripted-connector';
import { installQuietRuntime, openTaskBench, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

const PER_SECOND = 5;
const SECONDS = 8;
const JOBS = 40;

/** Its tasks run on a pair of queues of their own, whose polls Temporal holds back. */
class RatedConnector extends ScriptedConnector {
  taskQueuesFor(): TaskQueues {
    return { polls: `${this.taskQueues.polls}:w`, control: `${this.taskQueues.polls}:w:control` };
  }

  ratedTaskQueues(): readonly RatedTaskQueues[] {
    return [{ ...this.taskQueuesFor(), pollsPerSecond: PER_SECOND }];
  }
}

const looks: number[] = [];
const rated = new RatedConnector('rated', `rated-${randomUUID()}`);
let bench: TaskBench;

beforeAll(async () => {
  installQuietRuntime();
  bench = await openTaskBench({ connectors: [rated] });
  rated.onCreate = runJob;
  rated.onGet = () => looks.push(performance.now());
});
afterAll(() => bench.close());

test('Temporal hands out looks no more often than the rate of their queue says', async () => {
  const { taskQueues } = await bench.startWorkers();
  const own = rated.taskQueuesFor();
  const usual = [rated.taskQueues.polls, rated.taskQueues.control];
  expect(taskQueues).toEqual([bench.workflowTaskQueue, ...usual, own.polls, own.control]);
  const started = Array.from({ length: JOBS }, () => bench.tasks.start(bench.request('rated', {})));
  const tasks = await Promise.all(started);
  // Submits are on the queue without a rate: all jobs run long before the first round of looks is over.
  await waitUntil('all jobs', () => (rated.jobs.size === JOBS ? true : undefined));
  const from = await waitUntil('looks in full swing', () => looks[PER_SECOND]);
  const looked = (): number => looks.filter((at) => at > from && at <= from + SECONDS * 1000).length;
  await waitUntil('the window', () => ((looks.at(-1) ?? 0) > from + SECONDS * 1000 ? true : undefined));
  expect(looked()).toBeLessThanOrEqual(PER_SECOND * SECONDS * 1.25);
  expect(looked()).toBeGreaterThan(PER_SECOND * SECONDS * 0.5);
  for (const { id } of tasks) await bench.handle(id).terminate();
}, 60_000);
