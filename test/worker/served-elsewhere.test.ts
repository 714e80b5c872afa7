import { randomUUID } from 'node:crypto';

import type { TaskQueues } from '../../src/connector';
import { ScriptedConnector } from '../support/scripted-connector';
import { installQuietRuntime, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';

/** A connector whose activities another process serves, on queues that depend on the task. */
class ElsewhereConnector extends ScriptedConnector {
  servedBy(taskQueue: string): string {
    return `elsewhere serve ${taskQueue}`;
  }

  taskQueuesFor(): TaskQueues {
    return { polls: `${this.taskQueues.polls}-2`, control: `${this.taskQueues.polls}-2:control` };
  }
}

const elsewhere = new ElsewhereConnector('elsewhere', `elsewhere-${randomUUID()}`);
const here = new ScriptedConnector('here', `here-${randomUUID()}`);
let bench: TaskBench;

beforeAll(async () => {
  installQuietRuntime();
  bench = await openTaskBench({ connectors: [elsewhere, here] });
});
afterAll(() => bench.close());

test('no worker of ours takes its queues; whoever waits there is told what serves it', async () => {
  const { taskQueues } = await bench.startWorkers();
  expect(taskQueues).toEqual([bench.workflowTaskQueue, here.taskQueues.polls, here.taskQueues.control]);
  const { id } = await bench.tasks.start(bench.request('elsewhere', {}));
  const queue = elsewhere.taskQueuesFor().control;
  const status = await untilStatus(bench, id, ({ phase }) => phase === 'WAITING_FOR_RESOURCES');
  expect(status.message).toBe(
    `no worker serves the task queue ${queue}; start one with: elsewhere serve ${queue}`,
  );
  await bench.handle(id).terminate();
});
