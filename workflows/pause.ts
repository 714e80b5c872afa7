import { sleep } from '@temporalio/workflow';

import { runsAgain } from './runs-again';
import { runStep } from './steps';
import { failedEnd, type TaskEnd } from './task-end';
import { publish, type TaskRun } from './task-run';

/**
 * The durable pause that was decided before the next attempt, or before a failure; a nudge or a repair ends it. Where
 * the job runs again by then, it is followed instead.
 */
export async function pauseBeforeNextAttempt(task: TaskRun): Promise<TaskEnd | undefined> {
  const { resumeAt } = task.state;
  if (resumeAt === undefined) return undefined;
  if (resumeAt <= Date.now()) return endAfterPause(task);
  publishPause(task, new Date(resumeAt).toISOString());
  const expired = await sleepUntil(task, resumeAt);
  if (expired !== undefined) return endAfterPause(task) ?? expired;
  if (task.repairAsked === undefined && (await runsAgain(task))) return undefined;
  if (task.repairAsked !== undefined) return undefined;
  task.state = { ...task.state, resumeAt: Date.now() };
  return endAfterPause(task);
}

function publishPause(task: TaskRun, until: string): void {
  const { failed } = task.state;
  if (failed === undefined) {
    publish(task, { message: `next attempt at ${until}` });
    return;
  }
  const message = `failed; waiting for a repair until ${until}: ${failed.message}`;
  const cause = failed.cause === undefined ? {} : { cause: failed.cause };
  publish(task, { message, code: failed.code, ...cause });
}

/** What a pause for a repair comes to when nobody repaired. */
function endAfterPause({ state: { failed } }: TaskRun): TaskEnd | undefined {
  return failed === undefined ? undefined : failedEnd(failed.code, failed.message, 'leave', failed.cause);
}

/** Temporal takes no timer of any length; whoever wakes early looks and sleeps again. */
const LONGEST_SLEEP_MS = 365 * 86_400_000;

/** Sleeps on a durable timer, no longer than the nearest deadline; only a deadline that has passed is an end. */
export async function sleepUntil(task: TaskRun, until: number): Promise<TaskEnd | undefined> {
  const spanMs = Math.min(LONGEST_SLEEP_MS, Math.max(1, until - Date.now()));
  const outcome = await runStep(task, {
    wait: 'pause',
    begin: (leftMs) => sleep(Math.min(spanMs, leftMs ?? spanMs), { summary: 'wait' }),
  });
  return outcome.kind === 'ended' ? outcome.end : undefined;
}
