import type { WireObject, WireValue } from './wire-json';

export type ApiVersion = '2.0' | '2.1' | '2.2';

/** How a task attempt or a run ends, in the words of both state models. */
export interface Ending {
  /** v1 `life_cycle_state`: TERMINATED, SKIPPED, INTERNAL_ERROR, or whatever a script says. */
  readonly lifeCycle: string;
  readonly result?: string | undefined;
  readonly code: string;
  readonly type: string;
  readonly message: string;
  readonly userStopped?: boolean;
}

/** What `runs/get-output` tells of an attempt beside its log file. */
export interface AttemptOutput {
  readonly error?: string | undefined;
  readonly errorTrace?: string | undefined;
  readonly logs?: string | undefined;
  readonly notebookResult?: string | undefined;
  readonly notebookTruncated?: boolean;
  /** What the task set by `dbutils.jobs.taskValues`, for `{{tasks.KEY.values.NAME}}`. */
  readonly taskValues?: WireObject | undefined;
  /** Fields of the answer as they are, such as `sql_output`. */
  readonly fields?: WireObject | undefined;
}

export interface Dependency {
  readonly taskKey: string;
  readonly outcome?: string | undefined;
}

/** A task as asked for: `body` is echoed, the other fields are what the scheduler reads. */
export interface TaskSpec {
  readonly key: string;
  readonly body: WireObject;
  readonly dependsOn: readonly Dependency[];
  readonly runIf: string;
  /** 0 = none. */
  readonly timeoutMs: number;
  /** −1 = for ever. */
  readonly maxRetries: number;
  readonly minRetryIntervalMs: number;
  readonly retryOnTimeout: boolean;
  readonly disabled: boolean;
  /** What a for-each task runs for each of its inputs. */
  readonly nested?: TaskSpec;
}

export type AttemptPhase = 'BLOCKED' | 'WAITING_FOR_RETRY' | 'PENDING' | 'RUNNING' | 'TERMINATING' | 'ENDED';

/** One attempt of one task: one entry of `tasks[]`. All times are simulated epoch milliseconds. */
export interface Attempt {
  readonly runId: string;
  readonly taskKey: string;
  readonly number: number;
  readonly firstRunId: string;
  readonly createdAt: number;
  phase: AttemptPhase;
  /** Not before this time, for a retry. */
  waitUntil?: number;
  startedAt?: number;
  executionAt?: number;
  terminatingAt?: number;
  endedAt?: number;
  /** Someone or something wants it stopped; a process gets TERM, then KILL. */
  stop?: { readonly ending: Ending; readonly at: number; killed: boolean };
  ending?: Ending;
  output?: AttemptOutput;
  conditionOutcome?: 'true' | 'false';
  /** Retries since the task was last started by hand (run or repair). */
  readonly retry?: number;
  /** The definition it ran by, once a repair has changed that of its task. */
  task?: TaskSpec;
  /** Of a for-each task: the values to run for, and the attempts for them in the order they were started. */
  inputs?: readonly WireValue[];
  iterations?: Attempt[];
  /** Of an iteration: which of the inputs it is for. */
  readonly input?: { readonly index: number; readonly value: WireValue };
  /** The run that a run-job task started. */
  childRunId?: string;
  /** Runs (or ran) as a real subprocess. */
  process?: boolean;
}

export type RunPhase = 'QUEUED' | 'PENDING' | 'RUNNING' | 'TERMINATING' | 'ENDED';

export interface Repair {
  readonly id: string;
  readonly startedAt: number;
  readonly taskRunIds: readonly string[];
  /** How and when the run had ended before it. */
  readonly before?: { readonly ending: Ending; readonly endedAt: number };
}

export interface Run {
  readonly runId: string;
  readonly jobId: string;
  readonly name: string;
  readonly type: 'JOB_RUN' | 'SUBMIT_RUN';
  readonly createdAt: number;
  /** A repair takes the job's present definition. */
  tasks: readonly TaskSpec[];
  readonly attempts: Attempt[];
  readonly queueEnabled: boolean;
  timeoutMs: number;
  /** Fields that are only echoed: job_clusters, job_parameters, git_source, … */
  echo: WireObject;
  /** `webhook_notifications` and what goes with them. */
  readonly notifications?: WireObject;
  /** The run-job task that started it. */
  readonly parent?: { readonly runId: string; readonly taskRunId: string };
  readonly repairs: Repair[];
  phase: RunPhase;
  queue?: { readonly code: string; readonly message: string };
  /** When it left the queue. */
  startedAt?: number;
  cancelRequestedAt?: number;
  /** Why all of its attempts are being stopped. */
  stopping?: Ending;
  terminatingAt?: number;
  endedAt?: number;
  ending?: Ending;
}

export interface Job {
  readonly jobId: string;
  readonly createdAt: number;
  /** Queueing is on by default for jobs created by API 2.2. */
  readonly createdBy: ApiVersion;
  settings: WireObject;
  /** Its permissions, one entry each; the owner is its creator unless one is named. */
  access?: readonly WireObject[];
}

export function isActive(run: Run): boolean {
  return run.phase !== 'ENDED';
}

export function hasEnded({ phase }: Attempt): boolean {
  return phase === 'ENDED';
}

/** The latest attempt of every task. */
export function latestAttempts(run: Run): Map<string, Attempt> {
  return new Map(run.attempts.map((attempt) => [attempt.taskKey, attempt]));
}

/** The definition an attempt of the run goes by, an iteration's included. */
export function specOf(run: Run, attempt: Attempt): TaskSpec | undefined {
  if (attempt.task !== undefined) return attempt.task;
  if (attempt.input === undefined) return run.tasks.find(({ key }) => key === attempt.taskKey);
  return run.tasks.find(({ nested }) => nested?.key === attempt.taskKey)?.nested;
}
