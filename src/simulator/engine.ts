import type { Clock } from './clock';
import { type JobFailureShape, badDefinition, tooManyRuns } from './endings';
import { isActive, type Run } from './model';
import type { PythonRunner } from './python-runner';
import { endUnstarted, queuedUntil, startRun, stepRun, type StepContext, type Timing } from './scheduler';
import { readInteger } from './wire-json';
import type { Workspace } from './workspace';

export interface EngineOptions {
  readonly workspace: Workspace;
  readonly clock: Clock;
  readonly python: PythonRunner;
  readonly timing: Timing;
  readonly failureShape: JobFailureShape;
  /** Active runs in the whole workspace; more are queued. */
  readonly maxActiveRuns: number;
}

/** Brings every active run to the present. Returns whether anything changed. */
export function advance(options: EngineOptions): boolean {
  const { workspace, clock, python, timing, failureShape } = options;
  const now = clock.now();
  const active = [...workspace.runs.values()].filter(isActive);
  let changed = false;
  for (const run of active) {
    const context = {
      now,
      timing,
      python,
      failureShape,
      outcomes: workspace.outcomes,
      newId: workspace.newId,
    };
    changed = stepSafely(run, context) || changed;
  }
  // Only now are the slots of those that have just ended free.
  for (const run of active) changed = (run.phase === 'QUEUED' && admit(run, options)) || changed;
  return changed;
}

/** A definition that only shows its fault when it is run must not take the workspace down with it. */
function stepSafely(run: Run, context: StepContext): boolean {
  try {
    return stepRun(run, context);
  } catch (error) {
    endUnstarted(run, badDefinition(error instanceof Error ? error.message : String(error)), context.now);
    return true;
  }
}

/** Lets a queued run start if there is room, else says what it waits for; with queueing off, a run without room is skipped. */
export function admit(run: Run, options: EngineOptions): boolean {
  const { workspace, clock } = options;
  const now = clock.now();
  const limit = concurrencyLimit(run, workspace);
  const running = [...workspace.runs.values()].filter((other) => isActive(other) && other.phase !== 'QUEUED');
  if (running.filter((other) => other.jobId === run.jobId).length >= limit) {
    if (!run.queueEnabled || limit === 0) endUnstarted(run, tooManyRuns(limit), now);
    else {
      return queue(
        run,
        'MAX_CONCURRENT_RUNS_REACHED',
        `Queued due to reaching maximum concurrent runs of ${limit}.`,
      );
    }
    return true;
  }
  if (now < queuedUntil(run, workspace.outcomes) || running.length >= options.maxActiveRuns) {
    return queue(
      run,
      'ACTIVE_RUNS_LIMIT_REACHED',
      'Queued due to reaching the workspace limit of active task runs.',
    );
  }
  startRun(run, run.queue === undefined ? run.createdAt : now, workspace.newId);
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
