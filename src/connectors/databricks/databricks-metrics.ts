import type { TaskMetric } from '../../connector';
import type { Run } from './databricks-api';
import { idsAt, numberAt, objectsAt } from './databricks-json';
import { mapRunState } from './databricks-state';
import { isSkippedState, readTaskRuns, type TaskRun } from './databricks-tasks';

/**
 * One entry per attempt of each task, in the order they started. Durations are Databricks' own, in milliseconds.
 * `run` was read with its history where it may have been repaired.
 */
export function toTaskMetrics(run: Run): TaskMetric[] {
  const repairs = readRepairs(run);
  return readTaskRuns(run.tasks).map((task) => toTaskMetric(task, repairs.get(task.runId ?? '')));
}

/** Task run id → number of the repair that started it; nothing for a run without repairs. */
function readRepairs({ raw }: Run): ReadonlyMap<string, number> {
  const history = objectsAt(raw, 'repair_history');
  if (history.length < 2) return new Map();
  return new Map(
    history.flatMap((item, number) => idsAt(item, 'task_run_ids').map((runId) => [runId, number] as const)),
  );
}

/** What never ran has no times of its own, whatever Databricks gives for them. */
function toTaskMetric(task: TaskRun, repair: number | undefined): TaskMetric {
  const isSkipped = isSkippedState(task.state);
  return {
    name: task.taskKey,
    attempt: task.attempt,
    phase: isSkipped ? 'SKIPPED' : mapRunState(task.state).phase,
    ...(task.runId === undefined ? {} : { externalId: task.runId }),
    ...optional('repair', repair),
    ...(isSkipped ? {} : timesOf(task)),
  };
}

function timesOf(task: TaskRun): Partial<TaskMetric> {
  const { raw, startAt, endAt } = task;
  return {
    ...optional('startedAt', startAt === 0 ? undefined : startAt),
    ...optional('endedAt', endAt === 0 ? undefined : endAt),
    ...optional('queueMs', numberAt(raw, 'queue_duration')),
    ...optional('setupMs', numberAt(raw, 'setup_duration')),
    ...optional('executionMs', numberAt(raw, 'execution_duration')),
    ...optional('cleanupMs', numberAt(raw, 'cleanup_duration')),
    ...optional('totalMs', numberAt(raw, 'run_duration') ?? elapsedOf(task)),
  };
}

/** Only of a task that has ended: Databricks gives 0 for the end of a running one. */
function elapsedOf({ startAt, endAt }: TaskRun): number | undefined {
  return startAt > 0 && endAt >= startAt ? endAt - startAt : undefined;
}

function optional<K extends string>(key: K, value: number | undefined): Partial<Record<K, number>> {
  const entry: Partial<Record<K, number>> = {};
  if (value !== undefined) entry[key] = value;
  return entry;
}
