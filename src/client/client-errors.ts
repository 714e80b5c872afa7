import { WorkflowNotFoundError, type WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';

import { isErrorCode, LonghaulError } from '../connector/errors';
import { codeOfGrpc } from '../temporal/grpc-errors';
import { leftJobAdvice } from './left-job';
import type { TaskStatus } from './task-status';

/** What Temporal's client throws about one task → ours. */
export function toClientError(error: unknown, id: string): LonghaulError {
  if (error instanceof LonghaulError) return error;
  if (error instanceof WorkflowNotFoundError) {
    return noSuchTask(id, error);
  }
  const code = codeOfGrpc(error);
  const message = error instanceof Error ? error.message : String(error);
  const says = code === 'UNAVAILABLE' ? 'does not answer' : 'refuses';
  return new LonghaulError(code, `Temporal ${says}: ${message}`, { cause: error });
}

/** Nobody knows this id, or it names a workflow that is no task. */
export function noSuchTask(id: string, cause?: unknown): LonghaulError {
  const advice = 'longhaul list shows which there are.';
  return new LonghaulError('NOT_FOUND', `There is no task ${id}.`, { cause, advice });
}

/** The failure of ours, of an activity or of a workflow, within what Temporal's client throws. */
export function codedFailure(error: unknown): LonghaulError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && isErrorCode(at.type)) {
      return new LonghaulError(at.type, at.message, { cause: error });
    }
  }
  return undefined;
}

/** What a task itself answered to an update. */
export function toRefusal(error: WorkflowUpdateFailedError): LonghaulError {
  const message = error.cause?.message ?? error.message;
  return codedFailure(error) ?? new LonghaulError('INTERNAL', message, { cause: error });
}

/** Nothing more can be done to this task, and nothing was. */
export function alreadyEnded(status: TaskStatus, cause?: unknown): LonghaulError {
  const { id, state, phase, closedAt, jobMayRun } = status;
  const when = closedAt === undefined ? '' : ` at ${new Date(closedAt).toISOString()}`;
  const how = state === 'CANCELED' ? state : phase;
  const leftAdvice = `But ${leftJobAdvice(status)} How it ended: longhaul wait ${id}`;
  return new LonghaulError(
    'ALREADY_ENDED',
    `Task ${id} ended ${how}${when}; nothing was started or changed.`,
    {
      cause,
      advice:
        jobMayRun === true ? leftAdvice : 'run --attach shows how it ended, run --again starts it anew.',
    },
  );
}

/** An id names one spec, by its fingerprint. @throws TOKEN_CONFLICT for another one. */
export function assertSameSpec(id: string, known: string | undefined, asked: string): void {
  if (known === asked) return;
  throw new LonghaulError(
    'TOKEN_CONFLICT',
    `The id ${id} already names a task with another spec; nothing was started.`,
    { advice: 'Choose another --id, or send the spec it was started with.' },
  );
}
