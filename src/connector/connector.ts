import type { JobFinder } from './job-finder';
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

/** What a connector offers beside starting, looking at and stopping jobs. */
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
  /** What {@link AsyncConnector.prepare} answered for this attempt: the same for every try, and for its fence. */
  readonly prepared?: JsonObject;
}

/** What `delete` is told: the job, or, when no meta is known yet, the request that may have started it. */
export type DeleteTarget =
  | {
      readonly kind: 'meta';
      readonly meta: ResourceMeta;
      readonly request?: CreateRequest;
      /** A repair of this job that was never answered: it may still arrive, and must not outlive the stop. */
      readonly repair?: UnansweredRepair;
    }
  | { readonly kind: 'request'; readonly request: CreateRequest };

export type UnansweredRepair = Omit<RepairRequest, 'meta'>;

/**
 * What a `delete` achieved.
 * `stopping`: asked, not yet seen terminal, call again. `stopped`: seen terminal. `nothing`: no job was ever started.
 */
export type DeleteOutcome =
  | { readonly kind: 'stopping'; readonly meta: ResourceMeta; readonly resource: Resource }
  | { readonly kind: 'stopped'; readonly meta: ResourceMeta; readonly resource: Resource }
  | { readonly kind: 'nothing'; readonly message: string };

/** Speaks to operators. Never give it a secret value. */
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
  /**
   * Call it right before each request that may start something: the receipt counts them. `state` is saved with it, as by
   * {@link saveState}: what the next try has to know of this request.
   */
  announceSubmit(state?: JsonObject): void;
  /** State that survives the loss of this worker: given back as `previousState` to the next try. */
  saveState(state: JsonObject): void;
  readonly previousState: JsonObject | undefined;
  /** What the task says of failures: as {@link AsyncConnector.parseFailurePolicy} has let it in. */
  readonly failurePolicy?: JsonObject;
  /** How often in a row this task has waited for a quota: the next pause may be longer. Absent: never. */
  readonly quotaWaits?: number;
}

/** `output`: what the job printed. `cluster`: what its machines delivered elsewhere. */
export type LogSource = 'output' | 'cluster';

/** Which part of the logs: the tail by default, else from `pageToken` on. */
export interface LogsRequest {
  readonly pageToken?: string;
  /** At most this many lines in this page; default 1,000. */
  readonly limit?: number;
  /** Default `output`. A token is good for its own source only. */
  readonly source?: LogSource;
  /** Only of this task of the job, and of this attempt of it, counted as in {@link TaskMetric}. */
  readonly task?: string;
  readonly attempt?: number;
}

/** Lines of a job's log. */
export interface LogsPage {
  readonly lines: readonly string[];
  /** Where the next page begins; absent on the last one. */
  readonly nextPageToken?: string;
  /** Everything that is there by now was given: behind the token is only what is yet to be written. */
  readonly atEnd?: boolean;
  /** The other side kept only a part; said so that nobody takes it for the whole. */
  readonly truncated: boolean;
}

/** Of all tasks of the job, or of one. */
export interface OutputsRequest {
  readonly task?: string;
}

/** What tasks of a job gave, by task key; `kind` tells the connector's own shapes apart. */
export type JobOutputs = Readonly<Record<string, JsonObject>>;

/** One measured thing of a job: a task's durations and the like. Durations in milliseconds, times in epoch milliseconds. */
export interface TaskMetric {
  readonly name: string;
  readonly attempt: number;
  /** A task phase; SKIPPED for what never ran because of others. */
  readonly phase: string;
  /** Of this attempt, where the other side names them one by one. */
  readonly externalId?: string;
  readonly startedAt?: number;
  /** Absent while it runs. */
  readonly endedAt?: number;
  /** 0 belongs to the job as it was started, 1 to its first repair. Absent for a job without repairs. */
  readonly repair?: number;
  readonly queueMs?: number;
  readonly setupMs?: number;
  readonly executionMs?: number;
  readonly cleanupMs?: number;
  readonly totalMs?: number;
}

/** A repair of a failed job, in the connector's own words. May be sent again after a crash: it is begun once. */
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
  /** Queues of ours that {@link taskQueuesFor} gives beside {@link taskQueues}: our workers serve them too. */
  ratedTaskQueues?(): readonly RatedTaskQueues[];
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
  /** Where jobs can be found that no task knows. */
  readonly finder?: JobFinder;
  /** What {@link getLogs} can read; default: only `output`. */
  readonly logSources?: readonly LogSource[];
  /** Attempts that the task asks for in its own words: the policy's `maxAttempts` is raised to this. Pure. */
  attemptsOf?(template: TaskTemplate): number;
  /**
   * Pure check of a template: no network, no side effects. What it rejects is rejected at the door.
   * @throws INVALID_TASK naming field, reason and value.
   */
  parseTask(template: TaskTemplate): void;
  /**
   * What passes and was probably meant otherwise, such as a field one letter from a known one: a sentence each, for the
   * person who starts the task. Pure; of a template that `parseTask` takes.
   */
  noticesOn?(template: TaskTemplate): readonly string[];
  /** Does this template name something that must be looked up before anything is sent? Then {@link prepare} is called. Pure. */
  needsPreparation?(template: TaskTemplate): boolean;
  /**
   * Looks up what every try of an attempt and its fence must take for the same, such as a job by its name. Called once
   * for each attempt, before its first `create`; read only. The answer is recorded and comes back as
   * `CreateRequest.prepared`, so that what is renamed in between changes nothing.
   */
  prepare?(request: CreateRequest, call: CallContext): Promise<JsonObject>;
  /**
   * Pure check of what a task says of failures (`onFailure` and its like in the task file). Absent: it may say nothing.
   * Without a template the task follows a job that somebody else started. @throws INVALID_TASK naming the field.
   */
  parseFailurePolicy?(policy: JsonObject, template?: TaskTemplate): void;
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
  /** What the tasks of the job gave, read afresh: also what is too large, or too secret, to be kept with the task. */
  getOutputs?(meta: ResourceMeta, request: OutputsRequest, call: CallContext): Promise<JobOutputs>;
  /** Announces each request that may begin one, like `create`: a repair that fails without one is not stopped. */
  repair?(request: RepairRequest, call: CallContext): Promise<Observation>;
}

/** A task before its job is known, or a job. */
export type TaskOrJob =
  /** Whose task it is may decide where it runs. Absent: not known here. */
  | { readonly template: TaskTemplate; readonly taskExecution?: TaskExecutionMetadata | undefined }
  | { readonly meta: ResourceMeta };

/** `polls` for what may wait, `control` for create and delete, so that a backlog of polls never delays a cancel. */
export interface TaskQueues {
  readonly polls: string;
  readonly control: string;
}

/** A pair of queues of which Temporal itself holds back what comes too fast, over all workers together. */
export interface RatedTaskQueues extends TaskQueues {
  /** Activities per second on `polls`. */
  readonly pollsPerSecond: number;
}
