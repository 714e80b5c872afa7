import { AT_ONCE, createDueQueue, type DueQueue } from './due-queue';
import { isActive, type Attempt, type Run } from './model';

/** Where the runs stand, kept by hand so that no question needs a walk over all of them. It decides nothing. */
export interface RunBook {
  /** When each active run is to be looked at. */
  readonly due: DueQueue<Run>;
  /** In the order they were queued. */
  readonly queued: ReadonlySet<Run>;
  readonly startedCount: () => number;
  readonly startedOfJob: (jobId: string) => number;
  /** Notes a run's phase and new task runs; to be called after every change. Returns whether a slot became free. */
  readonly file: (run: Run) => boolean;
  /** As `file`, and has the run looked at as soon as possible. */
  readonly touch: (run: Run) => void;
  readonly touchAll: () => void;
  /** Has those that wait for a slot looked at: there may be one now. */
  readonly touchQueued: () => void;
  readonly drop: (run: Run) => void;
  readonly runOfAttempt: (taskRunId: string) => Run | undefined;
}

export function createRunBook(runs: Iterable<Run>): RunBook {
  const due = createDueQueue<Run>();
  const queued = new Set<Run>();
  const started = new Map<string, Set<Run>>();
  const ofAttempt = new Map<string, Run>();
  let startedCount = 0;
  const leave = (run: Run): boolean => {
    queued.delete(run);
    const wasStarted = started.get(run.jobId)?.delete(run) ?? false;
    if (wasStarted) startedCount -= 1;
    if (started.get(run.jobId)?.size === 0) started.delete(run.jobId);
    return wasStarted;
  };
  const enter = (run: Run): void => {
    const ofJob = started.get(run.jobId) ?? new Set();
    if (ofJob.has(run)) return;
    queued.delete(run);
    started.set(run.jobId, ofJob.add(run));
    startedCount += 1;
  };
  const file = (run: Run): boolean => {
    for (const { runId } of allAttempts(run)) ofAttempt.set(runId, run);
    if (!isActive(run)) {
      due.remove(run);
      return leave(run);
    }
    if (run.phase === 'QUEUED') queued.add(run);
    else enter(run);
    return false;
  };
  const touch = (run: Run): void => {
    file(run);
    if (isActive(run)) due.set(run, AT_ONCE);
  };
  const touchQueued = (): void => {
    for (const run of queued) due.set(run, AT_ONCE);
  };
  for (const run of runs) touch(run);
  return {
    due,
    queued,
    startedCount: () => startedCount,
    startedOfJob: (jobId) => started.get(jobId)?.size ?? 0,
    file,
    touch,
    touchAll: () => {
      for (const run of [...queued, ...[...started.values()].flatMap((some) => [...some])]) touch(run);
    },
    touchQueued,
    drop: (run) => {
      due.remove(run);
      if (leave(run)) touchQueued();
      for (const { runId } of allAttempts(run)) ofAttempt.delete(runId);
    },
    runOfAttempt: (taskRunId) => ofAttempt.get(taskRunId),
  };
}

/** Those of tasks and those of a for-each task's iterations. */
export function allAttempts(run: Run): Attempt[] {
  return run.attempts.flatMap((attempt) => [attempt, ...(attempt.iterations ?? [])]);
}
