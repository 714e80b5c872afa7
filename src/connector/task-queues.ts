import type { AsyncConnector, TaskOrJob, TaskQueues } from './connector';

/** Where the activities of one task run. */
export function taskQueuesOf(connector: AsyncConnector, about: TaskOrJob): TaskQueues {
  return connector.taskQueuesFor?.(about) ?? connector.taskQueues;
}
