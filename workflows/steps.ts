import { CancellationScope, isCancellation, CancelledFailure } from '@temporalio/workflow';

import { activeDeadlines, type Deadline } from './deadlines';
import {
  deadlineEnd,
  goneOrFailedEnd,
  isDeadlineFailure,
  readFailure,
  type StepFailure,
  type TaskEnd,
} from './task-end';
import type { TaskRun } from './task-run';

/** What became of one step of a task. Cancellation of the task is never a step's outcome: it is thrown. */
export type StepOutcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  /** A nudge, a repair or new credentials cut the wait short. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'ended'; readonly end: TaskEnd }
  | { readonly kind: 'failed'; readonly failure: StepFailure };

export interface Step<T> {
  /** `spanMs` is the time left until the nearest deadline. */
  readonly begin: (spanMs: number | undefined) => Promise<T>;
  /** A nudge or a repair cuts either short; new credentials begin only a look anew. Absent: nothing does. */
  readonly wait?: 'look' | 'pause';
  /** Hears what the activity failed with, also where a deadline or a cancel is what becomes of the step. */
  readonly onError?: (error: unknown) => void;
}

/** The server closes an activity as soon as its next try would come too late: no job may be ended before its time. */
const AFTER_DEADLINE_MS = 1_000;

/** Runs one activity or timer under the task's nearest deadline. */
export async function runStep<T>(task: TaskRun, step: Step<T>): Promise<StepOutcome<T>> {
  const deadline = activeDeadlines(task.input.policy, task.state)[0];
  if (deadline !== undefined && deadline.at <= Date.now()) {
    return { kind: 'ended', end: deadlineEnd(deadline) };
  }
  const scope = new CancellationScope();
  if (step.wait !== undefined) task.waiting = { scope, kind: step.wait };
  try {
    return { kind: 'ok', value: await scope.run(() => step.begin(spanUntil(deadline))) };
  } catch (error) {
    step.onError?.(error);
    if (CancellationScope.current().consideredCancelled) throw toCancellation(error);
    if (scope.consideredCancelled) return { kind: 'interrupted' };
    if (deadline !== undefined && isDeadlineFailure(error)) {
      return { kind: 'ended', end: deadlineEnd(deadline) };
    }
    return { kind: 'failed', failure: readFailure(error) };
  } finally {
    task.waiting = undefined;
  }
}

/** What a step with a running job comes to: its answer is noted, a failure ends the task, else the task goes on. */
export function concludeStep<T>(
  outcome: StepOutcome<T>,
  onAnswer: (answer: T) => TaskEnd | undefined,
): TaskEnd | undefined {
  switch (outcome.kind) {
    case 'ok':
      return onAnswer(outcome.value);
    case 'interrupted':
      return undefined;
    case 'ended':
      return outcome.end;
    case 'failed':
      return goneOrFailedEnd(outcome.failure);
    default:
      return outcome satisfies never;
  }
}

function spanUntil(deadline: Deadline | undefined): number | undefined {
  return deadline === undefined ? undefined : deadline.at - Date.now() + AFTER_DEADLINE_MS;
}

/** Right before something would be started: a cancel that came first leaves nothing to stop. */
export function assertNotCanceled(): void {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('canceled');
}

/** An attempt that fails just as its cancellation arrives reports its own failure: for us it is the cancellation. */
function toCancellation(error: unknown): unknown {
  return isCancellation(error) ? error : new CancelledFailure('canceled');
}
