import type { Fence } from '../src/connector/connector';
import type { FoundJob } from '../src/connector/job-finder';
import type { ResourceMeta } from '../src/connector/resource-meta';
import type { TaskCategory, TaskExecutionMetadata, TaskTemplate } from '../src/connector/task-template';
import type { TaskPhase } from '../src/connector/phase';

/** A closed task that never saw the end of its job. */
export interface LeftTask {
  readonly id: string;
  readonly runId: string;
  /** Such as `TERMINATED`. */
  readonly closed: string;
  readonly closedAt: number;
  readonly template: TaskTemplate;
  readonly taskExecution?: TaskExecutionMetadata;
  readonly fence: Fence;
  /** Of its last attempt. */
  readonly idempotencyToken: string;
  readonly phase: TaskPhase;
  readonly meta?: ResourceMeta;
  readonly externalId?: string;
  /** It came with credentials of its own, which open for it alone. */
  readonly hasConnection: boolean;
  /** It was asked to stop before it closed: its job is to be stopped, not followed. */
  readonly wasCanceled: boolean;
  /** Id of the execution of this same reconciliation that has taken it up already, before a crash. */
  readonly takenUpAs?: string;
}

export interface ClosedPage {
  /** How many closed tasks were looked at. */
  readonly scanned: number;
  readonly left: readonly LeftTask[];
}

/** What an open task follows, as far as a list tells. */
export interface OpenTask {
  readonly id: string;
  readonly runId: string;
  readonly externalId?: string;
  readonly meta?: ResourceMeta;
  /** Those its current or next attempt may have. */
  readonly tokens: readonly string[];
}

export interface TakeUp {
  /** The job, where it was found by its mark. */
  readonly job?: FoundJob;
  /** Stop it; absent: follow it. */
  readonly cancel?: { readonly by?: string; readonly reason: string };
  /** Names this reconciliation: a repeated activity knows its own work by it. */
  readonly nonce: string;
}

/** What the reconciliation needs of Temporal. */
export interface ReconcileControl {
  /** Every open task, with the job it follows. */
  openTasks(): AsyncIterable<OpenTask>;
  closedTasks(options: { readonly since: number; readonly nonce: string }): AsyncIterable<ClosedPage>;
  /**
   * Opens the task again where it was left, under its own id where that is free. It never starts an attempt that was
   * not begun. @returns its id; undefined when somebody else took it up meanwhile.
   */
  takeUp(task: LeftTask, options: TakeUp): Promise<string | undefined>;
  /** A task that follows, or stops, a job that no task knows. */
  adoptForeign(job: FoundJob, taskCategory: TaskCategory, options: TakeUp): Promise<string | undefined>;
}
