import type { TaskMetric } from '../../connector';
import type { Run } from './databricks-api';
import { numberAt } from './databricks-json';
import { mapRunState } from './databricks-state';
import { readTaskRuns, type TaskRun } from './databricks-tasks';

/** One entry per attempt of each task, in the order they started. Durations are Databricks' own, in milliseconds. */
export function toTaskMetrics(run: Run): TaskMetric[] {
  return readTaskRuns(run.tasks).map(toTaskMetric);
}

function toTaskMetric(task: TaskRun): TaskMetric {
  return {
    name: task.taskKey,
    attempt: task.attempt,
    phase: mapRunState(task.state).phase,
    ...optional('queueMs', numberAt(task.raw, 'queue_duration')),
    ...optional('setupMs', numberAt(task.raw, 'setup_duration')),
    ...optional('executionMs', numberAt(task.raw, 'execution_duration')),
    ...optional('cleanupMs', numberAt(task.raw, 'cleanup_duration')),
    ...optional('totalMs', numberAt(task.raw, 'run_duration') ?? elapsedOf(task)),
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
