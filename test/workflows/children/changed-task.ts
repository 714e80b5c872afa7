import * as original from '../../../workflows';
import { taskActivities } from '../../../workflows/activity-proxies';

/** The task workflow with one careless change: it schedules another activity first. Replay must refuse it. */
export async function connectorTask(
  ...args: Parameters<typeof original.connectorTask>
): ReturnType<typeof original.connectorTask> {
  await taskActivities({ summary: 'a careless change' }).stopTasks({
    workflowIds: [],
    reason: '',
    standIn: {},
  });
  return original.connectorTask(...args);
}
