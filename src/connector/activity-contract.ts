import type {
  CreateRequest,
  DeleteOutcome,
  DeleteTarget,
  LogsPage,
  LogsRequest,
  OutputsRequest,
  TaskMetric,
} from './connector';
import type { Connection } from './connection';
import type { ErrorCode } from './errors';
import type { JsonObject } from './json';
import type { Observation } from './observation';
import type { TaskPhase } from './phase';
import type { ResourceMeta } from './resource-meta';
import type { TaskCategory, TaskExecutionMetadata } from './task-template';
import type { TaskPolicy } from './task-policy';

/**
 * The activities around any connector, as JSON. The same names and shapes may be served by another language on
 * another task queue: `test/contract/` holds JSON Schemas and golden payloads for both sides.
 */
export interface ConnectorActivities {
  /** Only where the routing says so, before `create`: what must be looked up once for the whole attempt. */
  prepare(input: PrepareInput): Promise<PrepareResult>;
  /** Starts the external job. Retried until it answers or rejects; every try carries the same token. */
  create(input: CreateInput): Promise<CreateResult>;
  /** Returns only when something changed; else fails benignly with `nextRetryDelay` and a {@link PollSnapshot}. */
  get(input: GetInput): Promise<GetResult>;
  /** The long, heartbeating step of a connector. */
  execute(input: ExecuteInput): Promise<Observed>;
  /** Asks the job to stop; returns only when it is seen stopped, else fails benignly. */
  delete(input: DeleteInput): Promise<DeleteResult>;
  repair(input: RepairInput): Promise<Observed>;
  getLogs(input: LogsInput): Promise<LogsPage>;
  getMetrics(input: MetricsInput): Promise<readonly TaskMetric[]>;
  getOutputs(input: OutputsInput): Promise<OutputsResult>;
}

export interface ConnectorCall {
  /** By this the worker finds the connector. */
  readonly taskCategory: TaskCategory;
  readonly taskExecution?: TaskExecutionMetadata;
  /** Beside the request, because it may be renewed while the request stays the same. */
  readonly connection?: Connection;
  /** What the task says of failures, in the connector's own words. */
  readonly failurePolicy?: JsonObject;
  /** How often in a row this task has waited for a quota; absent: never. */
  readonly quotaWaits?: number;
}

export interface PrepareInput extends ConnectorCall {
  readonly request: CreateRequest;
}

export interface PrepareResult {
  readonly prepared: JsonObject;
}

export interface CreateInput extends ConnectorCall {
  readonly request: CreateRequest;
  /** How long a quota that refuses may last; absent: until a deadline. */
  readonly quotaBudgetMs?: number;
  /** Since when the task has waited for it, in epoch milliseconds; absent: from the first refusal of this attempt on. */
  readonly quotaSince?: number;
}

/** An observation with the id by which people know the job. */
export interface Observed {
  readonly observation: Observation;
  readonly externalId: string;
}

export interface CreateResult extends Observed {
  /** Requests that may have started something, over all tries of this attempt. */
  readonly posts: number;
}

/** What the workflow has already shown; `get` returns when one of these differs. */
export interface SeenState {
  readonly phase: TaskPhase;
  readonly linkUris: readonly string[];
  readonly meta: ResourceMeta;
}

export interface GetInput extends ConnectorCall {
  readonly meta: ResourceMeta;
  readonly seen: SeenState;
  /** Epoch milliseconds at which this attempt was submitted, or last repaired: the pause grows with its age. */
  readonly submittedAt: number;
  /** The nearest deadline; no pause reaches beyond it. */
  readonly deadlineAt?: number;
  readonly policy: Pick<TaskPolicy, 'pollMinMs' | 'pollMaxMs' | 'onUnreachable' | 'unreachableBudgetMs'>;
  readonly externalId: string;
  /** The first look comes no earlier: it keeps its distance from the last change or nudge. */
  readonly notBefore?: number;
  /** Trouble the workflow already shows; its budget goes on counting. */
  readonly trouble?: Trouble;
}

/** Why the external system could not be asked, since when. Times in epoch milliseconds. */
export interface Trouble {
  readonly code: ErrorCode;
  readonly message: string;
  readonly since: number;
  readonly failures: number;
}

export type GetResult =
  | ({ readonly kind: 'changed' } & Observed)
  /** Out of reach for a minute or more: to be shown, then waited out. */
  | { readonly kind: 'trouble'; readonly trouble: Trouble }
  /** `onUnreachable: fail` and its budget is spent; the job is left alone. */
  | { readonly kind: 'gaveUp'; readonly trouble: Trouble };

/** The compact state in the details of a benign poll failure: readable by `describe` without any worker. */
export interface PollSnapshot {
  readonly phase: TaskPhase;
  readonly message?: string;
  readonly meta?: ResourceMeta;
  readonly links?: readonly { readonly name: string; readonly uri: string }[];
  readonly trouble?: Trouble;
  readonly seenAt: number;
  readonly nextCheckAt: number;
}

export interface ExecuteInput extends ConnectorCall {
  readonly meta: ResourceMeta;
}

export interface DeleteInput extends ConnectorCall {
  readonly target: DeleteTarget;
}

/** The job is seen stopped, or never was. `posts`: requests sent to find it (fencing). Times in epoch milliseconds. */
export type DeleteResult = { readonly stoppedAt: number; readonly posts: number } & (
  | (Extract<DeleteOutcome, { kind: 'stopped' }> & { readonly externalId: string })
  | Extract<DeleteOutcome, { kind: 'nothing' }>
);

export interface RepairInput extends ConnectorCall {
  readonly meta: ResourceMeta;
  readonly request: CreateRequest;
  readonly options: JsonObject;
}

export interface LogsInput extends ConnectorCall {
  readonly meta: ResourceMeta;
  readonly request: LogsRequest;
}

export interface MetricsInput extends ConnectorCall {
  readonly meta: ResourceMeta;
}

export interface OutputsInput extends ConnectorCall {
  readonly meta: ResourceMeta;
  readonly request: OutputsRequest;
  /** Public key of whoever asks (X25519, SPKI, base64url). */
  readonly replyKey: string;
}

/**
 * The outputs, sealed to the one who asked: they may hold links that open without a password, and Temporal keeps what
 * an activity answers.
 */
export interface OutputsResult {
  readonly sealed: string;
}

/** `type` of the benign failure that means "nothing changed yet". */
export const NOT_CHANGED = 'NotChanged';
/** `type` of the benign failure that means "asked to stop, not seen stopped yet". */
export const STOPPING = 'Stopping';

/** Details of every failure that an activity raises on purpose; `type` of the failure is the error code. */
export interface ActivityFailureDetails {
  readonly code: ErrorCode;
  readonly advice?: string;
  readonly field?: string;
  /**
   * How many requests may have started something; absent where a lost worker may have sent some. Of `create` all that
   * were sent, of `repair` those that were not refused.
   */
  readonly posts?: number;
}
