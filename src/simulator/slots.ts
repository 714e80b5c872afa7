import type { Run } from './model';

/** Which runs hold a slot of their job and of the workspace, and which wait for one. */
export interface Slots {
  /** In the order in which they came. */
  readonly queued: ReadonlySet<Run>;
  readonly startedCount: () => number;
  readonly startedOfJob: (jobId: string) => number;
  readonly started: () => Run[];
  readonly wait: (run: Run) => void;
  readonly take: (run: Run) => void;
  /** Returns whether a slot became free. */
  readonly leave: (run: Run) => boolean;
}

export function createSlots(): Slots {
  const queued = new Set<Run>();
  const ofJobs = new Map<string, Set<Run>>();
  let startedCount = 0;
  return {
    queued,
    startedCount: () => startedCount,
    startedOfJob: (jobId) => ofJobs.get(jobId)?.size ?? 0,
    started: () => [...ofJobs.values()].flatMap((some) => [...some]),
    wait: (run) => {
      queued.add(run);
    },
    take: (run) => {
      const ofJob = ofJobs.get(run.jobId) ?? new Set();
      if (ofJob.has(run)) return;
      queued.delete(run);
      ofJobs.set(run.jobId, ofJob.add(run));
      startedCount += 1;
    },
    leave: (run) => {
      queued.delete(run);
      const wasStarted = ofJobs.get(run.jobId)?.delete(run) ?? false;
      if (wasStarted) startedCount -= 1;
      if (ofJobs.get(run.jobId)?.size === 0) ofJobs.delete(run.jobId);
      return wasStarted;
    },
  };
}
