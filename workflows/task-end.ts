import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';

import { isErrorCode, type ErrorCode } from '../src/connector/errors';
import type { ActivityFailureDetails } from '../src/connector/activity-contract';
import type { FailureCause } from '../src/connector/observation';
import type { Deadline } from './deadlines';

/** How a task ends, and what must be done with its job before it does. */
export type TaskEnd = { readonly kind: 'succeeded' } | FailedEnd;

export interface FailedEnd {
  readonly kind: 'failed';
  readonly code: ErrorCode;
  readonly message: string;
  /** `stop`: the job may still run and must be seen stopped first. `leave`: it is over, or deliberately left. */
  readonly job: 'stop' | 'leave';
  /** Whose fault it is, where the vendor's words tell. */
  readonly cause?: FailureCause;
}

export function deadlineEnd(deadline: Deadline): FailedEnd {
  const limit = `${Math.round(deadline.limitMs / 1000)} s`;
  const name = deadline.code.slice('DEADLINE_'.length).toLowerCase();
  return failedEnd(deadline.code, `The ${name} deadline of ${limit} has passed.`, 'stop');
}

/** Reads our failure out of an activity's; anything unforeseen is INTERNAL. */
export function readFailure(error: unknown): ActivityFailureDetails & { readonly message: string } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const details = isFailureDetails(cause.details?.[0]) ? cause.details[0] : undefined;
    const code = isErrorCode(cause.type) ? cause.type : 'INTERNAL';
    return { ...details, code, message: cause.message };
  }
  if (cause instanceof TimeoutFailure) {
    return { code: 'OUTCOME_UNKNOWN', message: `no answer from the worker (${cause.timeoutType} time-out)` };
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

function isFailureDetails(value: unknown): value is ActivityFailureDetails {
  return typeof value === 'object' && value !== null && 'code' in value;
}

/** The activity's schedule-to-close, which we set to the nearest deadline, has passed. */
export function isDeadlineFailure(error: unknown): boolean {
  return error instanceof ActivityFailure && error.retryState === 'TIMEOUT';
}

/** What a failed activity told. */
export type StepFailure = ReturnType<typeof readFailure>;

export function failedEnd(
  ...[code, message, job, cause]: [ErrorCode, string, FailedEnd['job'], FailureCause?]
): FailedEnd {
  return { kind: 'failed', code, message, job, ...(cause === undefined ? {} : { cause }) };
}

/** Does this code say that the external job no longer exists? */
export function isGone(code: ErrorCode): boolean {
  return code === 'RUN_GONE';
}

/** A look that failed for good: a job that is gone needs no stopping, any other must not be left running. */
export function goneOrFailedEnd({ code, message }: StepFailure): FailedEnd {
  return isGone(code) ? failedEnd('RUN_GONE', message, 'leave') : failedEnd(code, message, 'stop');
}
