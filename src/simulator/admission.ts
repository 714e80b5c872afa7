import { tooManyRuns } from './endings';
import type { EngineOptions } from './engine-options';
import type { Run } from './model';
import { outcomeOf } from './outcomes';
import { endUnstarted, startRun } from './scheduler';
import { readInteger } from './wire-json';
import type { Workspace } from './workspace';

/**
 * Lets a run start if there is room for it, else says what it waits for; with queueing off, a run without room is
 * skipped. Returns whether anything changed.
 */
export function admit(run: Run, engine: EngineOptions, now: number): boolean {
  const { book } = engine.workspace;
  const changed = decide(run, engine, now);
  book.file(run);
  if (run.phase === 'PENDING') book.due.set(run, now);
  return changed;
}

function decide(run: Run, { workspace, limits }: EngineOptions, now: number): boolean {
  const { book } = workspace;
  const limit = concurrencyLimit(run, workspace);
  if (book.startedOfJob(run.jobId) >= limit) return waitForJob(run, limit, now);
  const script = outcomeOf(workspace.outcomes, run);
  const queuedUntil = run.createdAt + (script?.queuedMs ?? 0);
  if (now < queuedUntil) book.due.set(run, queuedUntil);
  if (now < queuedUntil || book.startedCount() >= limits.maxActiveRuns) {
    const code = script?.queueCode ?? 'ACTIVE_RUNS_LIMIT_REACHED';
    return queue(run, code, 'Queued due to reaching the workspace limit of active task runs.');
  }
  startRun(run, Math.max(run.createdAt, now), workspace.newId);
  return true;
}

function waitForJob(run: Run, limit: number, now: number): boolean {
  if (run.queueEnabled && limit > 0) {
    const message = `Queued due to reaching maximum concurrent runs of ${limit}.`;
    return queue(run, 'MAX_CONCURRENT_RUNS_REACHED', message);
  }
  endUnstarted(run, tooManyRuns(limit), now);
  return true;
}

function queue(run: Run, code: string, message: string): boolean {
  const changed = run.queue?.code !== code;
  run.queue = { code, message };
  return changed;
}

function concurrencyLimit(run: Run, { jobs }: Workspace): number {
  const job = jobs.get(run.jobId);
  return job === undefined
    ? Number.POSITIVE_INFINITY
    : (readInteger(job.settings, 'max_concurrent_runs') ?? 1);
}
