import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';

import { lookBeforeCanceled } from './runs-again';
import { stopJob, type StopOutcome } from './stop';
import { failedEnd, type FailedEnd, type TaskEnd } from './task-end';
import type { CancelReceipt, TaskResult } from './task-input';
import { toReceipt } from './task-view';
import { publish, type TaskRun } from './task-run';

/** Closes a task whose work came to an end by itself: Completed, or Failed with our code. */
export async function settle(task: TaskRun, end: TaskEnd): Promise<TaskResult> {
  if (end.kind === 'succeeded') {
    publish(task, { terminal: true });
    return toResult(task);
  }
  throw toFailure(task, await stopBeforeFailing(task, end));
}

/** No end leaves a job running behind, unless it says that it deliberately does. */
async function stopBeforeFailing(task: TaskRun, end: FailedEnd): Promise<FailedEnd> {
  if (end.job === 'leave') return end;
  const stopped = await stopJob(task, end.message);
  if (stopped.kind === 'confirmed') return { ...end, message: `${end.message} Stopped: ${stopped.message}.` };
  return failedEnd(stopped.code, `${end.message} ${stopped.message}`, 'leave');
}

/** A job's own words may be a whole stack; its first lines carry the cause. */
const FAILURE_MESSAGE_LIMIT = 4_000;

function toFailure(task: TaskRun, end: FailedEnd): ApplicationFailure {
  const { phase } = task.state.resource;
  const resource = {
    ...task.state.resource,
    phase: phase === 'RETRYABLE_FAILED' ? phase : 'FAILED',
  } as const;
  task.state = { ...task.state, resource };
  const cause = end.cause === undefined ? {} : { cause: end.cause };
  publish(task, { terminal: true, code: end.code, message: end.message, ...cause });
  const failure = ApplicationFailure.create({
    type: end.code,
    message: end.message.slice(0, FAILURE_MESSAGE_LIMIT),
    nonRetryable: true,
    details: [{ ...toResult(task), ...cause }],
  });
  // Our own stack would stand between the cause and the receipt on the task's page.
  failure.stack = '';
  return failure;
}

/** Closes a canceled task: Canceled only when its job is seen stopped. */
export async function settleCanceled(task: TaskRun): Promise<never> {
  const cancel = task.state.cancel ?? { requestedAt: Date.now() };
  task.state = { ...task.state, cancel };
  await lookBeforeCanceled(task, describeRequest(cancel));
  const stopped = await stopJob(task, describeRequest(cancel));
  if (stopped.kind === 'unconfirmed') {
    throw toFailure(task, failedEnd(stopped.code, `${describeRequest(cancel)}. ${stopped.message}`, 'leave'));
  }
  publishCanceled(task, stopped);
  return closeCanceled();
}

function publishCanceled(task: TaskRun, stopped: Extract<StopOutcome, { kind: 'confirmed' }>): void {
  const { message: outcome, stoppedAt } = stopped;
  const cancel = { requestedAt: Date.now(), ...task.state.cancel, outcome, stoppedAt };
  const resource = { ...task.state.resource, phase: 'ABORTED' } as const;
  task.state = { ...task.state, resource, cancel };
  publish(task, { terminal: true, code: 'CANCELED', message: `${describeRequest(cancel)}; ${outcome}` });
}

/**
 * A workflow can close as Canceled only when Temporal's own cancel was requested; after a bare `cancel` signal that
 * request is under way (see signals.ts) and is awaited here.
 */
async function closeCanceled(): Promise<never> {
  await CancellationScope.current().cancelRequested;
  throw ApplicationFailure.nonRetryable('unreachable: cancelRequested only ever rejects', 'INTERNAL');
}

function describeRequest(cancel: CancelReceipt): string {
  const by = cancel.by === undefined ? '' : ` by ${cancel.by}`;
  return cancel.reason === undefined ? `canceled${by}` : `canceled${by}: ${cancel.reason}`;
}

function toResult(task: TaskRun): TaskResult {
  const { resource, meta } = task.state;
  return { resource, receipt: toReceipt(task.state), ...(meta === undefined ? {} : { meta }) };
}
