import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';

import { stopJob } from './stop';
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

function toFailure(task: TaskRun, end: FailedEnd): ApplicationFailure {
  const { phase } = task.state.resource;
  const resource = {
    ...task.state.resource,
    phase: phase === 'RETRYABLE_FAILED' ? phase : 'FAILED',
  } as const;
  task.state = { ...task.state, resource };
  publish(task, { terminal: true, code: end.code, message: end.message });
  return ApplicationFailure.create({
    type: end.code,
    message: end.message,
    nonRetryable: true,
    details: [toResult(task)],
  });
}

/** Closes a canceled task: Canceled only when its job is seen stopped. */
export async function settleCanceled(task: TaskRun): Promise<never> {
  const cancel = task.state.cancel ?? { requestedAt: Date.now() };
  task.state = { ...task.state, cancel };
  const stopped = await stopJob(task, describeRequest(cancel));
  if (stopped.kind === 'unconfirmed') {
    throw toFailure(task, failedEnd(stopped.code, `${describeRequest(cancel)}. ${stopped.message}`, 'leave'));
  }
  return CancellationScope.nonCancellable(() => publishCanceled(task, { ...cancel, ...stopped })).then(
    closeCanceled,
  );
}

async function publishCanceled(
  task: TaskRun,
  cancel: CancelReceipt & { readonly message: string },
): Promise<void> {
  const { message: outcome, requestedAt, stoppedAt } = cancel;
  const resource = { ...task.state.resource, phase: 'ABORTED' } as const;
  task.state = {
    ...task.state,
    resource,
    cancel: { ...task.state.cancel, requestedAt, outcome, ...(stoppedAt === undefined ? {} : { stoppedAt }) },
  };
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
