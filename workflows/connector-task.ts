import { isCancellation } from '@temporalio/workflow';

import { taskActivities } from './activity-proxies';
import { runAttempt } from './attempt';
import { stepOf } from './calls';
import { pauseBeforeNextAttempt } from './pause';
import { repairFirst, repairWhenAsked } from './repair';
import { closeRepairs } from './repair-request';
import { settle, settleCanceled } from './settle';
import { listen } from './signals';
import { assertNotCanceled, runStep } from './steps';
import { failedEnd, type TaskEnd } from './task-end';
import { toStandIn, type TaskInput, type TaskResult } from './task-input';
import { openTask, publish, type TaskRun } from './task-run';

/**
 * One task: create → while not terminal do what the observation says → settle.
 * Completed means SUCCEEDED; Failed carries our code as its type and the {@link TaskResult} in its details; Canceled
 * means that the job was seen stopped. Nothing here knows any vendor.
 */
export async function connectorTask(input: TaskInput): Promise<TaskResult> {
  const task = openTask(input);
  listen(task);
  try {
    const end = await task.work.run(() => untilTerminal(task));
    return await settle(task, end);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return await settleCanceled(task);
  } finally {
    await closeRepairs(task);
  }
}

/** Where Flyte's engine owns the attempts, this one submits only when all earlier ones are closed. */
async function earlierAttemptsStopped(task: TaskRun): Promise<TaskEnd | undefined> {
  const workflowIds = task.input.earlierAttempts ?? [];
  if (workflowIds.length === 0 || task.state.attempt > 0) return undefined;
  publish(task, { message: `waiting for attempt ${workflowIds.length - 1} to stop` });
  const summary = 'wait for earlier attempts to stop';
  const reason = `attempt ${workflowIds.length} of the same task has begun`;
  const standIn = toStandIn(task.input);
  const outcome = await runStep(task, {
    begin: (spanMs) => taskActivities(stepOf(summary, spanMs)).stopTasks({ workflowIds, reason, standIn }),
  });
  if (outcome.kind === 'ended') return outcome.end;
  if (outcome.kind !== 'failed') return undefined;
  return failedEnd(outcome.failure.code, outcome.failure.message, 'leave');
}

async function untilTerminal(task: TaskRun): Promise<TaskEnd> {
  const ended = (await earlierAttemptsStopped(task)) ?? (await repairFirst(task)) ?? (await untilEnded(task));
  assertNotCanceled();
  return ended;
}

async function untilEnded(task: TaskRun): Promise<TaskEnd> {
  for (;;) {
    const ended = (await pauseBeforeNextAttempt(task)) ?? (await repairWhenAsked(task));
    if (ended !== undefined) return ended;
    if (isStillPaused(task)) continue;
    const attempt = await runAttempt(task);
    if (attempt !== 'again') return attempt;
  }
}

/** A repair that failed leaves the rest of the pause to be waited, and its end to be as decided. */
function isStillPaused({ state }: TaskRun): boolean {
  return state.resumeAt !== undefined && (state.resumeAt > Date.now() || state.failed !== undefined);
}
