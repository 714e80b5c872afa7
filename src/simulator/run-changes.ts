import { findRun, missingRun, type Handler } from './api';
import { apiError } from './api-error';
import { CANCELED } from './endings';
import type { EngineOptions } from './engine-options';
import { isActive, type Run } from './model';
import { allAttempts } from './run-book';
import { requestCancel, stopAttempt } from './stops';
import { readFlag, readId, readText } from './wire-json';

/** POST runs/cancel, of a job run or a task run: taken note of at once, in effect later; no-op for what has ended. */
export const cancelRun: Handler = ({ params }, engine) => {
  const { workspace, clock, timing } = engine;
  const runId = readId(params, 'run_id');
  const now = clock.now();
  const found = workspace.findAttempt(runId);
  const run = workspace.runs.get(runId) ?? found?.run;
  if (run === undefined) throw missingRun(runId);
  (workspace.counters.cancels[runId] ??= []).push(now);
  if (found === undefined) requestCancel(run, now);
  else stopAttempt(found.attempt, CANCELED, now + timing.cancelDelayMs);
  workspace.book.touch(run);
  return {};
};

/** POST runs/cancel-all: of one job, or all queued runs of the workspace */
export const cancelAllRuns: Handler = ({ params }, engine) => {
  const { workspace } = engine;
  const jobId = readText(params, 'job_id') ?? '';
  const queuedOnly = readFlag(params, 'all_queued_runs') ?? false;
  if (jobId === '' && !queuedOnly) throw apiError('INVALID_PARAMETER_VALUE', 'job_id is required');
  for (const run of workspace.runs.values()) {
    const isMeant = (jobId === '' || run.jobId === jobId) && (!queuedOnly || run.phase === 'QUEUED');
    if (isMeant) cancel(run, engine);
  }
  return {};
};

/** POST runs/delete: only what has ended */
export const deleteRun: Handler = (request, engine) => {
  const run = findRun(request, engine);
  if (isActive(run)) throw apiError('INVALID_STATE', `Run ${run.runId} is active and cannot be deleted.`);
  forgetRun(run, engine);
  return {};
};

/** Removes a run whatever it is doing; its idempotency token stays used. */
export function forgetRun(run: Run, { workspace, python }: EngineOptions): void {
  workspace.removeRun(run);
  for (const attempt of allAttempts(run).filter(({ process }) => process === true)) {
    if (attempt.phase !== 'ENDED') python.signal(attempt.runId, 'SIGKILL');
    python.forget(attempt.runId);
  }
}

/** Takes note of it; it takes effect later. */
export function cancel(run: Run, { workspace, clock }: EngineOptions): void {
  requestCancel(run, clock.now());
  workspace.book.touch(run);
}
