import { allHandlersFinished, condition, makeContinueAsNewFunc, workflowInfo } from '@temporalio/workflow';

import type { connectorTask } from './connector-task';
import { assertNotCanceled } from './steps';
import { carry, type TaskInput } from './task-input';
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
  await continueWith(carry(task.input, task.state));
}

/** Left out, the memo would be that of the start again, and the task would show QUEUED until its next change. */
function continueWith(input: TaskInput): Promise<never> {
  const { memo = {} } = workflowInfo();
  return makeContinueAsNewFunc<typeof connectorTask>({ memo })(input);
}
