import type { WireObject } from './wire-json';

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
  /** What a notebook left for the tasks after it. */
  readonly taskValues?: WireObject;
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
  /** Runs (or ran) as a real subprocess. */
  process?: boolean;
}

export type RunPhase = 'QUEUED' | 'PENDING' | 'RUNNING' | 'TERMINATING' | 'ENDED';

export interface Repair {
  readonly id: string;
  readonly startedAt: number;
  readonly taskRunIds: readonly string[];
}

export interface Run {
  readonly runId: string;
  readonly jobId: string;
  readonly name: string;
  readonly type: 'JOB_RUN' | 'SUBMIT_RUN';
  readonly createdAt: number;
  readonly tasks: readonly TaskSpec[];
  readonly attempts: Attempt[];
  readonly queueEnabled: boolean;
  readonly timeoutMs: number;
  /** Fields that are only echoed: job_clusters, job_parameters, git_source, … */
  readonly echo: WireObject;
  /** `webhook_notifications` and what goes with them. */
  readonly notifications?: WireObject;
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
