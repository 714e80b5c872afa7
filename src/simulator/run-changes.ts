import { findRun, missingRun, type Handler } from './api';
import { apiError } from './api-error';
import { CANCELED } from './endings';
import type { EngineOptions } from './engine';
import { isActive, type Run } from './model';
import { stopAttempt } from './scheduler';
import { readFlag, readId, readText } from './wire-json';

/** POST runs/cancel, of a job run or a task run: taken note of at once, in effect later; no-op for what has ended. */
export const cancelRun: Handler = ({ params }, engine) => {
  const { workspace, clock, timing } = engine;
  const runId = readId(params, 'run_id');
  const now = clock.now();
  const run = workspace.runs.get(runId);
  const found = run === undefined ? workspace.findAttempt(runId) : undefined;
  if (run === undefined && found === undefined) throw missingRun(runId);
  (workspace.counters.cancels[runId] ??= []).push(now);
  if (run !== undefined) requestCancel(run, now);
  if (found !== undefined) stopAttempt(found.attempt, CANCELED, now + timing.cancelDelayMs);
  return {};
};

/** POST runs/cancel-all: of one job, or all queued runs of the workspace */
export const cancelAllRuns: Handler = ({ params }, { workspace, clock }) => {
  const jobId = readText(params, 'job_id') ?? '';
  const queuedOnly = readFlag(params, 'all_queued_runs') ?? false;
  if (jobId === '' && !queuedOnly) throw apiError('INVALID_PARAMETER_VALUE', 'job_id is required');
  for (const run of workspace.runs.values()) {
    const isMeant = (jobId === '' || run.jobId === jobId) && (!queuedOnly || run.phase === 'QUEUED');
    if (isMeant) requestCancel(run, clock.now());
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
  workspace.runs.delete(run.runId);
  for (const attempt of run.attempts.filter(({ process }) => process === true)) {
    if (attempt.phase !== 'ENDED') python.signal(attempt.runId, 'SIGKILL');
    python.forget(attempt.runId);
  }
}

export function requestCancel(run: Run, now: number): void {
  if (isActive(run)) run.cancelRequestedAt ??= now;
}
