import { invalidTask, type JsonObject } from '../../connector';
import { numberAt, objectsAt, textAt } from './databricks-json';
import { isTerminalState, readRunState, type RunState } from './databricks-state';

/** One attempt of one task of a run. */
export interface TaskRun {
  readonly taskKey: string;
  readonly runId: string | undefined;
  /** 0 is the first. */
  readonly attempt: number;
  readonly startAt: number;
  /** 0 while running. */
  readonly endAt: number;
  readonly state: RunState;
  readonly raw: JsonObject;
}

/** Reads the tasks of a run in the order they started; those that never did come last. */
export function readTaskRuns(tasks: readonly JsonObject[]): TaskRun[] {
  return tasks.map(readTaskRun).sort(byStart);
}

function readTaskRun(raw: JsonObject): TaskRun {
  return {
    taskKey: textAt(raw, 'task_key') ?? 'task',
    runId: textAt(raw, 'run_id'),
    attempt: numberAt(raw, 'attempt_number') ?? 0,
    startAt: numberAt(raw, 'start_time') ?? 0,
    endAt: numberAt(raw, 'end_time') ?? 0,
    state: readRunState(raw),
    raw,
  };
}

function byStart(a: TaskRun, b: TaskRun): number {
  return (
    lastIfZero(a.startAt) - lastIfZero(b.startAt) ||
    a.attempt - b.attempt ||
    a.taskKey.localeCompare(b.taskKey, 'en')
  );
}

function lastIfZero(at: number): number {
  return at === 0 ? Number.MAX_SAFE_INTEGER : at;
}

/** The latest attempt of each task: retries and repairs add entries under the same key, in no promised order. */
export function latestAttempts(runs: readonly TaskRun[]): TaskRun[] {
  const latest = new Map<string, TaskRun>();
  for (const run of runs) {
    const earlier = latest.get(run.taskKey);
    if (earlier === undefined || isLater(run, earlier)) latest.set(run.taskKey, run);
  }
  return [...latest.values()];
}

function isLater(run: TaskRun, other: TaskRun): boolean {
  // A repair may count its attempts anew, and what was never started has no time: the time decides where there is one.
  const haveTimes = run.startAt > 0 && other.startAt > 0 && run.startAt !== other.startAt;
  return haveTimes ? run.startAt > other.startAt : run.attempt >= other.attempt;
}

/** States of a task that failed by itself, rather than for what happened upstream. */
const ROOT_RESULTS: ReadonlySet<string> = new Set(['FAILED', 'TIMEDOUT']);
const NO_FAILURE: ReadonlySet<string> = new Set([
  'SUCCESS',
  'CANCELED',
  'EXCLUDED',
  'DISABLED',
  'UPSTREAM_FAILED',
  'UPSTREAM_CANCELED',
]);

/** The tasks whose failure the others follow from, the first one to fail first. */
export function rootFailures(runs: readonly TaskRun[]): TaskRun[] {
  return latestAttempts(runs)
    .filter(({ state }) => isRootFailure(state))
    .sort((a, b) => lastIfZero(a.endAt) - lastIfZero(b.endAt) || byStart(a, b));
}

function isRootFailure(state: RunState): boolean {
  if (!isTerminalState(state)) return false;
  if (state.result !== undefined && ROOT_RESULTS.has(state.result)) return true;
  return state.lifeCycle === 'INTERNAL_ERROR' && !NO_FAILURE.has(state.result ?? '');
}

/** How far a run has come, counted by task and not by attempt. */
export function countTasks(runs: readonly TaskRun[]): { readonly done: number; readonly total: number } {
  const latest = latestAttempts(runs);
  return { done: latest.filter(({ state }) => isTerminalState(state)).length, total: latest.length };
}

/** Tasks that never ran for what happened upstream of them. */
export function countSkipped(runs: readonly TaskRun[]): number {
  return latestAttempts(runs).filter(({ state }) => isSkippedState(state)).length;
}

/**
 * What stands in the way of these tasks when they alone run again: tasks upstream of them that did not succeed. A task
 * that asks for less than the success of all (`run_if`) runs anyway.
 */
export function blockersOf(wanted: readonly string[], runs: readonly TaskRun[]): string[] {
  const latest = new Map(latestAttempts(runs).map((run) => [run.taskKey, run]));
  const blockers = new Set<string>();
  const pending = [...wanted];
  for (let key = pending.pop(); key !== undefined; key = pending.pop()) {
    for (const upstream of needsOf(latest.get(key))) {
      const isDone = latest.get(upstream)?.state.result === 'SUCCESS';
      if (isDone || wanted.includes(upstream) || blockers.has(upstream)) continue;
      blockers.add(upstream);
      pending.push(upstream);
    }
  }
  return [...latest.keys()].filter((key) => blockers.has(key));
}

/** The tasks that must have succeeded before this one runs. */
function needsOf(run: TaskRun | undefined): string[] {
  if (run === undefined || (textAt(run.raw, 'run_if') ?? 'ALL_SUCCESS') !== 'ALL_SUCCESS') return [];
  return objectsAt(run.raw, 'depends_on').flatMap((one) => textAt(one, 'task_key') ?? []);
}

/** What was skipped has no place in time, whatever times Databricks gives it: behind all that ran. */
export function skippedLast(runs: readonly TaskRun[]): TaskRun[] {
  const isSkipped = ({ state }: TaskRun): boolean => isSkippedState(state);
  return [...runs.filter((run) => !isSkipped(run)), ...runs.filter(isSkipped)];
}

/** Ended without having run anything. */
export function isSkippedState({ lifeCycle, result }: RunState): boolean {
  return lifeCycle === 'SKIPPED' || result?.startsWith('UPSTREAM_') === true || result === 'EXCLUDED';
}

const TASKS_NAMED = 20;

/** @throws INVALID_TASK for a name that no task of the run has, with those there are. */
export function assertTasksOf(tasks: readonly TaskRun[], named: readonly string[], field: string): void {
  const known = [...new Set(tasks.map(({ taskKey }) => taskKey))];
  const foreign = named.find((name) => !known.includes(name));
  if (foreign === undefined) return;
  throw invalidTask(
    field,
    `is no task of this run, which has ${known.slice(0, TASKS_NAMED).join(', ')}`,
    foreign,
  );
}
