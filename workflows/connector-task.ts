import { isCancellation } from '@temporalio/workflow';

import { taskActivities } from './activity-proxies';
import { pauseBeforeNextAttempt, runAttempt } from './attempt';
import { settle, settleCanceled } from './settle';
import { listen } from './signals';
import type { TaskEnd } from './task-end';
import type { TaskInput, TaskResult } from './task-input';
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
    return settleCanceled(task);
  }
}

async function untilTerminal(task: TaskRun): Promise<TaskEnd> {
  await earlierAttemptsStopped(task);
  for (;;) {
    const expired = await pauseBeforeNextAttempt(task);
    if (expired !== undefined) return expired;
    const ended = await runAttempt(task);
    if (ended !== 'again') return ended;
  }
}

/** Where Flyte's engine owns the attempts, this one submits only when all earlier ones are closed. */
async function earlierAttemptsStopped(task: TaskRun): Promise<void> {
  const workflowIds = task.input.earlierAttempts ?? [];
  if (workflowIds.length === 0 || task.state.attempt > 0) return;
  publish(task, { message: `waiting for attempt ${workflowIds.length - 1} to stop` });
  await taskActivities('wait for earlier attempts to stop').stopTasks({ workflowIds });
}
