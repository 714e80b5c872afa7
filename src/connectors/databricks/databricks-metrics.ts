import type { JsonObject, TaskMetric } from '../../connector';
import type { Run } from './databricks-api';
import { idsAt, numberAt, objectsAt, textAt } from './databricks-json';
import { mapRunState, readRunState } from './databricks-state';
import { isSkippedState, readTaskRuns, skippedLast, type TaskRun } from './databricks-tasks';

/**
 * One entry per attempt of each task, in the order they started, what was skipped last; before them the wait of the
 * run as a whole, where it had to queue. Durations are Databricks' own, in milliseconds. `run` was read with its
 * history where it may have been repaired.
 */
export function toTaskMetrics(run: Run): TaskMetric[] {
  const repairs = readRepairs(run);
  const tasks = skippedLast(readTaskRuns(run.tasks));
  const metrics = tasks.map((task) => toTaskMetric(task, repairs.get(task.runId ?? '')));
  return [...queueOf(run, metrics, repairs.size > 0), ...metrics];
}

/** No task key looks like this. */
const WHOLE_RUN = '(run)';

/** A run queues before its tasks do, and theirs do not tell of it: where one does, the time would count twice. */
function queueOf({ raw }: Run, tasks: readonly TaskMetric[], isRepaired: boolean): TaskMetric[] {
  const queueMs = numberAt(raw, 'queue_duration') ?? 0;
  if (queueMs <= 0 || tasks.some((task) => (task.queueMs ?? 0) > 0)) return [];
  const externalId = textAt(raw, 'run_id');
  return [
    {
      ...{ name: WHOLE_RUN, attempt: 0, phase: 'QUEUED' },
      ...(externalId === undefined ? {} : { externalId }),
      ...(isRepaired ? { repair: 0 } : {}),
      ...queueTimes(raw, tasks, queueMs),
    },
  ];
}

/** The wait ends when the first task starts at the latest, wherever the run itself is said to start. */
function queueTimes(raw: JsonObject, tasks: readonly TaskMetric[], queueMs: number): Partial<TaskMetric> {
  const begun = numberAt(raw, 'start_time') ?? 0;
  const isWaiting = readRunState(raw).lifeCycle === 'QUEUED';
  if (isWaiting) return { ...optional('startedAt', begun === 0 ? undefined : begun), queueMs };
  const first = Math.min(...tasks.map(({ startedAt = Number.POSITIVE_INFINITY }) => startedAt));
  const endedAt = begun === 0 ? first : Math.min(begun + queueMs, first);
  const times = Number.isFinite(endedAt) ? { startedAt: endedAt - queueMs, endedAt } : {};
  return { ...times, queueMs, totalMs: queueMs };
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
