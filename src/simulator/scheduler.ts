import { CANCELED, endingOfVerdict, jobEnding, timedOut, type JobFailureShape } from './endings';
import { hasEnded, latestAttempts, type Attempt, type Ending, type Run, type TaskSpec } from './model';
import type { StepContext } from './step';
import { isRetried, retryOf } from './retries';
import { decideTask, endKind } from './run-if';
import { stopAttempt } from './stops';
import { stepTask } from './task-steps';

/**
 * Brings a run to where it stands at `context.now`, in as many steps as are due. Each step happens at the time it was
 * due, not at the time it is noticed, so that nothing depends on how often this is called. Returns whether it changed.
 */
export function stepRun(run: Run, context: StepContext): boolean {
  let changed = false;
  let moved = true;
  while (moved) {
    context.forgetDues();
    moved = stepOnce(run, context);
    changed ||= moved;
  }
  return changed;
}

function stepOnce(run: Run, context: StepContext): boolean {
  if (run.phase === 'ENDED' || run.phase === 'QUEUED') return run.phase === 'QUEUED' && cancelQueued(run);
  const stopped = stopIfDue(run, context);
  const stepped = stepAttempts(run, context);
  return settle(run, context) || stopped || stepped;
}

/** Lets a run leave the queue: its tasks come into being. */
export function startRun(run: Run, now: number, newId: () => string): void {
  delete run.queue;
  run.phase = 'PENDING';
  run.startedAt = now;
  for (const task of run.tasks) run.attempts.push(firstAttempt(task, now, newId()));
}

/** Ends a run that never started any task. */
export function endUnstarted(run: Run, ending: Ending, now: number): void {
  delete run.queue;
  run.phase = 'ENDED';
  run.ending = ending;
  run.endedAt = now;
}

function firstAttempt(task: TaskSpec, now: number, runId: string): Attempt {
  return { runId, taskKey: task.key, number: 0, firstRunId: runId, createdAt: now, phase: 'BLOCKED' };
}

function cancelQueued(run: Run): boolean {
  if (run.cancelRequestedAt === undefined) return false;
  endUnstarted(run, CANCELED, run.cancelRequestedAt);
  return true;
}

function stopIfDue(run: Run, { isDue, timing }: StepContext): boolean {
  if (run.stopping !== undefined || run.ending !== undefined) return false;
  const cancelAt =
    run.cancelRequestedAt === undefined ? Infinity : run.cancelRequestedAt + timing.cancelDelayMs;
  const timeoutAt = run.timeoutMs === 0 ? Infinity : (run.startedAt ?? run.createdAt) + run.timeoutMs;
  const at = Math.min(cancelAt, timeoutAt);
  if (!isDue(at)) return false;
  run.stopping = cancelAt <= timeoutAt ? CANCELED : timedOut(run.timeoutMs);
  run.phase = 'TERMINATING';
  for (const attempt of run.attempts) stopAttempt(attempt, run.stopping, at);
  return true;
}

function stepAttempts(run: Run, context: StepContext): boolean {
  const latest = latestAttempts(run);
  const tasks = new Map(run.tasks.map((task) => [task.key, task]));
  let changed = false;
  for (const attempt of latest.values()) {
    const task = tasks.get(attempt.taskKey);
    if (task === undefined || hasEnded(attempt)) continue;
    if (attempt.phase === 'BLOCKED' && attempt.stop === undefined) {
      changed = unblock(task, attempt, latest) || changed;
    } else changed = stepTask({ run, task, attempt, context }) || changed;
    if (hasEnded(attempt) && run.stopping === undefined && isRetried(task, attempt)) {
      run.attempts.push(retryOf(task, attempt, context.newId()));
    }
  }
  return changed;
}

/** Once all dependencies have ended (for good: a retry counts as not ended), the task starts or never will. */
function unblock(task: TaskSpec, attempt: Attempt, latest: ReadonlyMap<string, Attempt>): boolean {
  const dependencies = task.dependsOn.map(({ taskKey, outcome }) => ({
    outcome,
    attempt: latest.get(taskKey),
  }));
  if (dependencies.some((dependency) => dependency.attempt?.phase !== 'ENDED')) return false;
  const at = Math.max(
    attempt.createdAt,
    ...dependencies.map((dependency) => dependency.attempt?.endedAt ?? 0),
  );
  const ends = dependencies.map(({ outcome, attempt: upstream }) => ({
    kind: endKind(upstream?.ending ?? {}),
    wantedOutcome: outcome,
    outcome: upstream?.conditionOutcome,
  }));
  const verdict = decideTask(task.runIf, ends);
  if (verdict === 'run') {
    attempt.phase = 'PENDING';
    attempt.startedAt = at;
  } else {
    attempt.phase = 'ENDED';
    attempt.ending = endingOfVerdict(verdict);
    attempt.endedAt = at;
  }
  return true;
}

function settle(run: Run, context: StepContext): boolean {
  const latest = [...latestAttempts(run).values()];
  if (run.phase === 'PENDING' && run.attempts.some(({ executionAt }) => executionAt !== undefined)) {
    run.phase = 'RUNNING';
    return true;
  }
  if (latest.some(({ phase }) => phase !== 'ENDED')) return false;
  if (run.ending === undefined) return decideEnd(run, latest, context.failureShape);
  const endAt = (run.terminatingAt ?? 0) + context.timing.terminatingMs;
  if (!context.isDue(endAt)) return false;
  run.phase = 'ENDED';
  run.endedAt = endAt;
  return true;
}

function decideEnd(run: Run, latest: readonly Attempt[], shape: JobFailureShape): boolean {
  const ends = new Map(
    latest.flatMap(({ taskKey, ending }) => (ending === undefined ? [] : [[taskKey, ending]])),
  );
  run.ending = run.stopping ?? jobEnding(run.tasks, ends, shape);
  run.terminatingAt = Math.max(...latest.map(({ endedAt }) => endedAt ?? 0));
  run.phase = 'TERMINATING';
  return true;
}
