import { shorten } from './text';

/** gRPC status names used by the error table. Source: google.rpc.Code. */
export type GrpcStatus =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'UNKNOWN';

interface ErrorRow {
  /** One sentence for people: what this code says. */
  readonly meaning: string;
  /** May the same call succeed later without any change by the user? */
  readonly retryable: boolean;
  readonly grpcStatus: GrpcStatus;
  readonly exitCode: number;
}

/**
 * The one table of errors: code → meaning → retryable → gRPC status → CLI exit code.
 * `docs/errors.md` documents it; a test holds both against each other.
 */
export const ERROR_TABLE = {
  INVALID_TASK: row('The task is not well-formed; nothing was started.', 'INVALID_ARGUMENT', 2),
  UNKNOWN_TASK_TYPE: row('No connector is registered for this task type.', 'NOT_FOUND', 3),
  PAYLOAD_TOO_LARGE: row('Template and inputs exceed 1 MiB.', 'INVALID_ARGUMENT', 4),
  UNSUPPORTED: row('The connector does not offer this operation.', 'UNIMPLEMENTED', 5),
  CONFIG: row('The configuration lacks or contradicts something.', 'FAILED_PRECONDITION', 6),
  SECRET_UNAVAILABLE: row('A referenced secret has no value here.', 'FAILED_PRECONDITION', 7),
  UNAUTHENTICATED: row('The credentials were not accepted.', 'UNAUTHENTICATED', 8),
  PERMISSION_DENIED: row('The caller may not do this.', 'PERMISSION_DENIED', 9),
  NOT_FOUND: row('There is no such task or external job.', 'NOT_FOUND', 10),
  TOKEN_CONFLICT: row('This id already names another task.', 'ALREADY_EXISTS', 11),
  ALREADY_ENDED: row('A task with this id has already ended.', 'ALREADY_EXISTS', 12),
  JOB_ACTIVE: row('The job is still active; this needs one that has ended.', 'FAILED_PRECONDITION', 13),
  RUN_GONE: row('The external job was deleted or has expired.', 'NOT_FOUND', 20),
  OUTCOME_UNKNOWN: row('It is not known whether the job ran.', 'UNKNOWN', 21),
  JOB_FAILED: row('The external job failed.', 'ABORTED', 22),
  JOB_CANCELED_EXTERNALLY: row('Somebody else canceled the external job.', 'ABORTED', 23),
  CANCELED: row('The task was canceled and its job is stopped.', 'ABORTED', 24),
  CANCEL_UNCONFIRMED: row('The job was not seen to stop.', 'DEADLINE_EXCEEDED', 25),
  DEADLINE_QUEUE: row('The job waited in the queue too long.', 'DEADLINE_EXCEEDED', 30),
  DEADLINE_START: row('The job did not start in time.', 'DEADLINE_EXCEEDED', 31),
  DEADLINE_EXECUTION: row('The job ran too long.', 'DEADLINE_EXCEEDED', 32),
  DEADLINE_OVERALL: row('The task took too long over all.', 'DEADLINE_EXCEEDED', 33),
  RATE_LIMITED: retryableRow('The other side asks us to slow down.', 'RESOURCE_EXHAUSTED', 40),
  UNAVAILABLE: retryableRow('The other side cannot be reached.', 'UNAVAILABLE', 41),
  INTERNAL: row('A defect in Longhaul or a connector.', 'INTERNAL', 70),
} as const satisfies Record<string, ErrorRow>;

/** Stable for ever: programs act on it. */
export type ErrorCode = keyof typeof ERROR_TABLE;

function row(meaning: string, grpcStatus: GrpcStatus, exitCode: number): ErrorRow {
  return { meaning, retryable: false, grpcStatus, exitCode };
}

function retryableRow(meaning: string, grpcStatus: GrpcStatus, exitCode: number): ErrorRow {
  return { meaning, retryable: true, grpcStatus, exitCode };
}

/** For what comes from outside, such as the details of a failure. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value);
}

export interface LonghaulErrorOptions {
  readonly cause?: unknown;
  /** What a person should do now, one sentence. */
  readonly advice?: string;
  /** The field that was rejected, as a path such as `spec.tasks[0].task_key`. */
  readonly field?: string;
  /** The other side's wish before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Our own budget held the request back: nothing was sent, and nothing is wrong with the other side. */
  readonly isHeldBack?: boolean;
  /** The other side has no room for more jobs, whatever the pace of requests; nothing was started. */
  readonly isQuota?: boolean;
}

/** Every error Longhaul raises on purpose. `code` is stable; `message` is for people. */
export class LonghaulError extends Error {
  readonly code: ErrorCode;
  readonly advice: string | undefined;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly isHeldBack: boolean;
  readonly isQuota: boolean;

  constructor(code: ErrorCode, message: string, options: LonghaulErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LonghaulError';
    this.code = code;
    this.advice = options.advice;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
    this.isHeldBack = options.isHeldBack ?? false;
    this.isQuota = options.isQuota ?? false;
  }

  get retryable(): boolean {
    return ERROR_TABLE[this.code].retryable;
  }

  /** The only door from "something was thrown" to "our error". Cancellation must be sorted out before. */
  static from(thrown: unknown): LonghaulError {
    if (thrown instanceof LonghaulError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new LonghaulError('INTERNAL', message, { cause: thrown });
  }
}

const LONGEST_VALUE = 80;

/** Bad input: the field, the value, the reason. */
export function invalidTask(field: string, reason: string, value?: unknown): LonghaulError {
  const shown = value === undefined ? '' : ` (got ${inShort(JSON.stringify(value))})`;
  return new LonghaulError('INVALID_TASK', `${field}: ${reason}${shown}`, { field });
}

function inShort(json: string | undefined): string {
  return shorten(json ?? 'nothing', LONGEST_VALUE);
}
