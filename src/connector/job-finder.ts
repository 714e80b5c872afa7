import type { CallContext, TaskOrJob } from './connector';
import type { TaskPhase } from './phase';
import type { ResourceMeta } from './resource-meta';

/** A job as a person names it: its id, and where it is when there is more than one place. */
export interface JobReference {
  readonly externalId: string;
  /** Name or address of the place (a workspace); the default one when absent. */
  readonly place?: string;
  /** Where a task has kept it: the job is asked with the credentials that the meta names. */
  readonly meta?: ResourceMeta;
}

/** What the external system says of a job that was named or listed. */
export interface FoundJob {
  readonly meta: ResourceMeta;
  readonly externalId: string;
  /** Name of the place, as the worker's configuration has it. */
  readonly place: string;
  readonly phase: TaskPhase;
  readonly isTerminal: boolean;
  /** Epoch milliseconds. */
  readonly startedAt?: number;
  /** The job's own name, for people. */
  readonly name?: string;
  /** Our mark in its name, see {@link JobFinder.markerOf}; absent on jobs that carry none. */
  readonly marker?: string;
}

/** A part of a list of jobs. */
export interface MarkedJobsPage {
  /** Active jobs that carry our mark. */
  readonly jobs: readonly FoundJob[];
  readonly nextPageToken?: string;
}

/**
 * How jobs are found without a task that knows them: what `adopt` and `reconcile` need of a connector. All of it reads
 * only.
 */
export interface JobFinder {
  /** The part of a token that a job carries where people can read it. Pure. */
  markerOf(idempotencyToken: string): string;
  /** @throws INVALID_TASK for what can be no job's id. Pure. */
  checkReference(reference: JobReference): void;
  /** The places of this process that can be asked, by name. */
  places(): readonly string[];
  /** The place of a task or of a job; undefined where this process does not know it. */
  placeOf(about: TaskOrJob): string | undefined;
  /**
   * The same for two metas of one job, by whatever place and credentials it is reached; undefined for a meta of another
   * connector. Pure, and the same in processes that know other places.
   */
  jobKey(meta: ResourceMeta): string | undefined;
  /**
   * Without place and meta, where the project of `call.taskExecution` has its jobs.
   * @throws RUN_GONE when there is no such job; PERMISSION_DENIED where the place is not open to the project.
   */
  find(reference: JobReference, call: CallContext): Promise<FoundJob>;
  /** One page of the active jobs of a place that carry our mark. */
  listMarked(
    request: { readonly place: string; readonly pageToken?: string },
    call: CallContext,
  ): Promise<MarkedJobsPage>;
}
