import type { PrepareResult } from '../src/connector/activity-contract';
import { prepareActivity } from './activity-proxies';
import { callOf, stepOf } from './calls';
import { runStep } from './steps';
import { failedEnd, type TaskEnd } from './task-end';
import { toCreateRequest } from './task-input';
import type { TaskRun } from './task-run';
import { noteAttempt } from './task-state';

/**
 * Looks up what the template only names, once for the attempt. Recorded before anything is sent, so every try and the
 * fence after a lost reply mean the same job; until then a cancel finds nothing to stop.
 */
export async function prepare(task: TaskRun): Promise<TaskEnd | undefined> {
  if (task.input.routing.prepare !== true) return undefined;
  const outcome = await runStep(task, { begin: (spanMs) => begin(task, spanMs) });
  switch (outcome.kind) {
    case 'ok':
      task.state = { ...task.state, prepared: outcome.value.prepared };
      return undefined;
    case 'failed':
      task.state = noteAttempt(task.state, { endedAt: Date.now() });
      return failedEnd(outcome.failure.code, outcome.failure.message, 'leave');
    case 'ended':
      return outcome.end;
    case 'interrupted':
      return undefined;
    default:
      return outcome satisfies never;
  }
}

function begin(task: TaskRun, spanMs: number | undefined): Promise<PrepareResult> {
  const { input, state } = task;
  const step = stepOf(`prepare · attempt ${state.attempt}`, spanMs);
  return prepareActivity(input.routing, step)({ ...callOf(task), request: toCreateRequest(input, state) });
}
