import { allHandlersFinished, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';

import type { connectorTask } from './connector-task';
import { assertNotCanceled } from './steps';
import { carry } from './task-input';
import type { TaskRun } from './task-run';

/**
 * Continues with a fresh history when the server advises it, never while a cancel or an update is under way: a cancel
 * that came together with the last result would be swallowed.
 */
export async function continueAsNewWhenLong(task: TaskRun): Promise<void> {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  const limit = task.input.continueAfterEvents ?? Number.POSITIVE_INFINITY;
  if (!continueAsNewSuggested && historyLength < limit) return;
  await condition(allHandlersFinished);
  assertNotCanceled();
  await continueAsNew<typeof connectorTask>(carry(task.input, task.state));
}
