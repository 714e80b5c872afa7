import { patched } from '@temporalio/workflow';

import { stopJob } from './stop';
import { failedEnd, isGone, type TaskEnd } from './task-end';
import type { TaskFailure } from './task-input';
import type { TaskRun } from './task-run';
import { planNextAttempt } from './task-state';

/** A task with a repair window stays open in a pause that ends as the failure, unless its job is repaired before. */
export function keepForRepair(task: TaskRun, failed: TaskFailure): TaskEnd | undefined {
  const { repairWindowMs } = task.input.policy;
  if (repairWindowMs === undefined || !isRepairable(task, failed)) {
    return failedEnd(failed.code, failed.message, 'leave', failed.cause);
  }
  task.state = { ...task.state, failed, resumeAt: Date.now() + repairWindowMs };
  return undefined;
}

/**
 * The same after a repair that failed: in the window nothing may run. Older histories end here, as a task without a
 * window does.
 */
export async function keepAfterRepair(task: TaskRun, failed: TaskFailure): Promise<TaskEnd | undefined> {
  const { code, message, cause } = failed;
  const isKept = task.input.policy.repairWindowMs !== undefined && isRepairable(task, failed);
  if (!isKept || !patched('repair-window-after-repair')) {
    return failedEnd(code, message, task.state.mayBeRunning ? 'stop' : 'leave', cause);
  }
  const stopped = await stopJob(task, message);
  if (stopped.kind === 'unconfirmed') {
    return failedEnd(stopped.code, `${message} ${stopped.message}`, 'leave');
  }
  const decision = { action: 'fail', reason: 'the repair failed' } as const;
  task.state = planNextAttempt(task.state, decision, Date.now());
  return keepForRepair(task, failed);
}

function isRepairable({ input, state }: TaskRun, { code }: TaskFailure): boolean {
  return input.routing.repair && state.meta !== undefined && !isGone(code);
}
