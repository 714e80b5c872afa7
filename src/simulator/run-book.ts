import { AT_ONCE, createDueQueue, type DueQueue } from './due-queue';
import { isActive, type Attempt, type Run } from './model';
import { createSlots, type Slots } from './slots';
import { toWireJson, type WireValue } from './wire-json';

/** Where the runs stand, kept by hand so that no question needs a walk over all of them. It decides nothing. */
export interface RunBook extends Pick<Slots, 'queued' | 'startedCount' | 'startedOfJob'> {
  /** When each active run is to be looked at. */
  readonly due: DueQueue<Run>;
  /** Notes a run's phase and new task runs; to be called after every change. Returns whether a slot became free. */
  readonly file: (run: Run) => boolean;
  /** As `file`, and has the run looked at as soon as possible. */
  readonly touch: (run: Run) => void;
  readonly touchAll: () => void;
  readonly drop: (run: Run) => void;
  /** The run as JSON, made anew only after a change; as bytes, because to join so many texts takes far longer. */
  readonly bytesOf: (run: Run) => Buffer;
  readonly runOfAttempt: (taskRunId: string) => Run | undefined;
}

export function createRunBook(runs: Iterable<Run>): RunBook {
  const due = createDueQueue<Run>();
  const slots = createSlots();
  const ofAttempt = new Map<string, Run>();
  const saved = new WeakMap<Run, Buffer>();
  const file = (run: Run): boolean => {
    saved.delete(run);
    for (const { runId } of allAttempts(run)) ofAttempt.set(runId, run);
    if (!isActive(run)) {
      due.remove(run);
      return slots.leave(run);
    }
    if (run.phase === 'QUEUED') slots.wait(run);
    else slots.take(run);
    return false;
  };
  const touch = (run: Run): void => {
    file(run);
    if (isActive(run)) due.set(run, AT_ONCE);
  };
  for (const run of runs) touch(run);
  return {
    ...slots,
    due,
    file,
    touch,
    touchAll: () => {
      for (const run of [...slots.queued, ...slots.started()]) touch(run);
    },
    drop: (run) => {
      due.remove(run);
      for (const { runId } of allAttempts(run)) ofAttempt.delete(runId);
      if (slots.leave(run)) [...slots.queued].forEach(touch);
    },
    bytesOf: (run) => {
      const bytes = saved.get(run) ?? Buffer.from(toWireJson(run as unknown as WireValue)); // plain JSON data
      saved.set(run, bytes);
      return bytes;
    },
    runOfAttempt: (taskRunId) => ofAttempt.get(taskRunId),
  };
}

/** Those of tasks and those of a for-each task's iterations. */
export function allAttempts(run: Run): Attempt[] {
  return run.attempts.flatMap((attempt) => [attempt, ...(attempt.iterations ?? [])]);
}
