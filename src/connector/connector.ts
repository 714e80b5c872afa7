import type { JsonObject, JsonValue } from './json';
import type { Observation } from './observation';
import type { Resource } from './resource';
import type { MetadataType, ResourceMeta } from './resource-meta';
import type { TaskCategory, TaskExecutionMetadata, TaskTemplate } from './task-template';

/** How a connector can find out what an earlier, unanswered `create` has started. */
export type Fence =
  /** The same request with the same token gives back the same job. */
  | 'token'
  /** The job can be looked up. */
  | 'find'
  /** Neither: an attempt of unknown outcome ends OUTCOME_UNKNOWN. */
  | 'none';

export interface Capabilities {
  readonly logs: boolean;
  readonly metrics: boolean;
  readonly repair: boolean;
  readonly synchronous: boolean;
  readonly fence: Fence;
}

/** Everything `create` needs. JSON, no secret values: only `{ $secret: 'env:NAME' }` references. */
export interface CreateRequest {
  readonly template: TaskTemplate;
  readonly inputs?: JsonValue;
  readonly outputPrefix?: string;
  readonly taskExecution?: TaskExecutionMetadata;
  /** Names this attempt at the provider: at most 64 characters, the same for every try of the attempt. */
  readonly idempotencyToken: string;
}

/** What `delete` is told: the job, or, when no meta is known yet, the request that may have started it. */
export type DeleteTarget =
  | { readonly kind: 'meta'; readonly meta: ResourceMeta; readonly request?: CreateRequest }
  | { readonly kind: 'request'; readonly request: CreateRequest };

/**
 * What a `delete` achieved.
 * `stopping`: asked, not yet seen terminal, call again. `stopped`: seen terminal. `nothing`: no job was ever started.
 */
export type DeleteOutcome =
  | { readonly kind: 'stopping'; readonly meta: ResourceMeta; readonly resource: Resource }
  | { readonly kind: 'stopped'; readonly meta: ResourceMeta; readonly resource: Resource }
  | { readonly kind: 'nothing'; readonly message: string };

export interface Logger {
  debug(message: string, fields?: JsonObject): void;
  info(message: string, fields?: JsonObject): void;
  warn(message: string, fields?: JsonObject): void;
}

/** Resolves a secret reference such as `env:NAME` just before use. @throws SECRET_UNAVAILABLE, PERMISSION_DENIED. */
export type SecretResolver = (reference: string) => Promise<string>;

/** What surrounds one call of a connector. */
export interface CallContext {
  /** Fires on cancellation, time-out and shutdown; hand it down to the socket. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Epoch milliseconds, by the Temporal server's clock where there is one. */
  now(): number;
  readonly resolveSecret: SecretResolver;
  /** Whose task this is. Absent outside of any task, as for logs. */
  readonly taskExecution?: TaskExecutionMetadata;
  /**
   * A credential that came with this task (Flyte 2's `connection.secrets`), opened just before use; undefined when none
   * of that name came. @throws SECRET_UNAVAILABLE when no key of this worker opens it.
   */
  connectionSecret(name: string): Promise<string | undefined>;
  /** Replaces every known secret value. To be done before a text is cut: half a secret is not recognized any more. */
  redact(text: string): string;
  /** Call it right before each request that may start something: the receipt counts them. */
  announceSubmit(): void;
  /** State that survives the loss of this worker: given back as `previousState` to the next try. */
  saveState(state: JsonObject): void;
  readonly previousState: JsonObject | undefined;
}

/** Which part of the logs: the tail by default, else from `pageToken` on. */
export interface LogsRequest {
  readonly pageToken?: string;
  /** At most this many lines in this page; default 1,000. */
  readonly limit?: number;
}

export interface LogsPage {
  readonly lines: readonly string[];
  /** Where the next page begins; absent on the last one. */
  readonly nextPageToken?: string;
  /** The other side kept only a part; said so that nobody takes it for the whole. */
  readonly truncated: boolean;
}

/** One measured thing of a job: a task's durations and the like. Durations in milliseconds. */
export interface TaskMetric {
  readonly name: string;
  readonly attempt: number;
  readonly phase: string;
  readonly queueMs?: number;
  readonly setupMs?: number;
  readonly executionMs?: number;
  readonly cleanupMs?: number;
  readonly totalMs?: number;
}

/** A repair of a failed job, in the connector's own words. */
export interface RepairRequest {
  readonly meta: ResourceMeta;
  readonly request: CreateRequest;
  readonly options: JsonObject;
}

/**
 * Code that knows one kind of external system.
 * Every method may be called again after a crash; `create` with an equal token must not start a second job where
 * `capabilities.fence` is not `none`. A connector throws LonghaulError; RATE_LIMITED and UNAVAILABLE are waited out.
 */
export interface AsyncConnector {
  /** For people: logs, `longhaul connectors`. */
  readonly name: string;
  readonly taskCategory: TaskCategory;
  readonly metadataType: MetadataType<ResourceMeta>;
  readonly capabilities: Capabilities;
  /** Where its activities run; workers of that name serve them. */
  readonly taskQueues: TaskQueues;
  /**
   * Where the queues depend on the task: those of this one. Pure, and the same for a task and for its job. Absent:
   * {@link taskQueues}.
   */
  taskQueuesFor?(about: TaskOrJob): TaskQueues;
  /**
   * Only where another process than our worker serves its activities: the command that starts it, for the one who
   * waits at this queue. Our workers leave its queues alone.
   */
  servedBy?(taskQueue: string): string;
  /**
   * False where a meta says what to run and not only what runs: then nobody but us may hand one in, and no task follows
   * a job that somebody else started. Default true.
   */
  readonly adopts?: boolean;
  /** Attempts that the task asks for in its own words: the policy's `maxAttempts` is raised to this. Pure. */
  attemptsOf?(template: TaskTemplate): number;
  /**
   * Pure check of a template: no network, no side effects. What it rejects is rejected at the door.
   * @throws INVALID_TASK naming field, reason and value.
   */
  parseTask(template: TaskTemplate): void;
  /**
   * May a task of this project ask for this? Pure. Asked at the door, where the connector may know less than its
   * workers do: what it cannot tell it lets pass, and decides in `create`. @throws PERMISSION_DENIED.
   */
  authorize?(about: TaskOrJob, taskExecution: TaskExecutionMetadata): void;
  /** Starts the external job, at most once per token. */
  create(request: CreateRequest, call: CallContext): Promise<Observation>;
  /** Looks at the external job; read only. @throws RUN_GONE when it no longer exists. */
  get(meta: ResourceMeta, call: CallContext): Promise<Observation>;
  /** Asks the job to stop and looks whether it did. Idempotent; called until it answers `stopped` or `nothing`. */
  delete(target: DeleteTarget, call: CallContext): Promise<DeleteOutcome>;
  /** The long, heartbeating step that a `next` of kind `execute` asks for. */
  execute?(meta: ResourceMeta, call: CallContext): Promise<Observation>;
  getLogs?(meta: ResourceMeta, request: LogsRequest, call: CallContext): Promise<LogsPage>;
  getMetrics?(meta: ResourceMeta, call: CallContext): Promise<readonly TaskMetric[]>;
  repair?(request: RepairRequest, call: CallContext): Promise<Observation>;
}

/** A task before its job is known, or a job. */
export type TaskOrJob = { readonly template: TaskTemplate } | { readonly meta: ResourceMeta };

/** `polls` for what may wait, `control` for create and delete, so that a backlog of polls never delays a cancel. */
export interface TaskQueues {
  readonly polls: string;
  readonly control: string;
}
