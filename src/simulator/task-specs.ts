import { invalidParameter } from './api-error';
import type { ApiVersion, Dependency, TaskSpec } from './model';
import {
  isWireObject,
  readFlag,
  readInteger,
  readList,
  readObject,
  readText,
  type WireObject,
} from './wire-json';

const MAX_TASKS_BEFORE_2_2 = 100;
const MAX_TASKS = 1000;
const KINDS_READ = ['spark_python_task', 'notebook_task', 'condition_task', 'for_each_task', 'run_job_task'];
const NOT_TASK_FIELDS = new Set([
  'run_name',
  'name',
  'idempotency_token',
  'timeout_seconds',
  'access_control_list',
  'git_source',
  'job_clusters',
  'queue',
  'run_as',
  'format',
  'max_concurrent_runs',
  'schedule',
  'tags',
  'parameters',
  'environments',
]);

/**
 * Reads the tasks of a submit body or of job settings: `tasks[]`, or a legacy body with its one task at the top level,
 * whose key is then the run's name (whatever characters that has: mlflow sends spaces and slashes).
 * @throws ApiError INVALID_PARAMETER_VALUE
 */
export function parseTasks(body: WireObject, version: ApiVersion, name: string): TaskSpec[] {
  const list = readList(body, 'tasks');
  readList(body, 'job_clusters');
  readList(body, 'parameters');
  const tasks = list === undefined || list.length === 0 ? [legacyTask(body, name)] : list.map(listedTask);
  assertCount(tasks.length, version);
  assertGraph(tasks);
  return tasks;
}

/** @throws ApiError for more tasks than this API version can handle. */
export function assertCount(count: number, version: ApiVersion): void {
  if (version !== '2.2' && count > MAX_TASKS_BEFORE_2_2) {
    throw invalidParameter(
      `Resources with more than 100 tasks can only be handled by API 2.2 and above. Your resource has ${count} tasks`,
    );
  }
  if (count > MAX_TASKS) {
    throw invalidParameter(`The number of tasks ${count} exceeds the limit of ${MAX_TASKS}.`);
  }
}

/**
 * Narrows a run to the tasks named by run-now's `only`, without what they would have waited for: `key`, `+key` with all
 * it depends on, `key+` with all that depend on it. @throws ApiError for a task that is not there
 */
export function selectTasks(tasks: readonly TaskSpec[], only: readonly string[]): TaskSpec[] {
  if (only.length === 0) return [...tasks];
  const keys = new Set(only.flatMap((selector) => [...selected(tasks, selector)]));
  const isKept = ({ taskKey }: Dependency) => keys.has(taskKey);
  return tasks
    .filter(({ key }) => keys.has(key))
    .map((task) => ({ ...task, dependsOn: task.dependsOn.filter(isKept) }));
}

function selected(tasks: readonly TaskSpec[], selector: string): ReadonlySet<string> {
  const [, upstream, key = '', downstream] = /^(\+?)(.*?)(\+?)$/.exec(selector) ?? [];
  if (!tasks.some((task) => task.key === key)) throw invalidParameter(`only names an unknown task: '${key}'`);
  return new Set([
    key,
    ...(upstream === '+' ? upstreamOf(tasks, [key]) : []),
    ...(downstream === '+' ? downstreamOf(tasks, [key]) : []),
  ]);
}

/** These tasks and all they depend on. */
function upstreamOf(tasks: readonly TaskSpec[], keys: Iterable<string>): ReadonlySet<string> {
  return closure(keys, (chosen) =>
    tasks
      .filter(({ key }) => chosen.has(key))
      .flatMap(({ dependsOn }) => dependsOn.map(({ taskKey }) => taskKey)),
  );
}

/** These tasks and all that depend on them. */
export function downstreamOf(tasks: readonly TaskSpec[], keys: Iterable<string>): ReadonlySet<string> {
  return closure(keys, (chosen) =>
    tasks
      .filter(({ dependsOn }) => dependsOn.some(({ taskKey }) => chosen.has(taskKey)))
      .map(({ key }) => key),
  );
}

function closure(
  keys: Iterable<string>,
  next: (chosen: ReadonlySet<string>) => string[],
): ReadonlySet<string> {
  const chosen = new Set(keys);
  for (let size = -1; size !== chosen.size;) {
    size = chosen.size;
    for (const key of next(chosen)) chosen.add(key);
  }
  return chosen;
}

function legacyTask(body: WireObject, name: string): TaskSpec {
  if (!Object.keys(body).some((field) => field.endsWith('_task'))) {
    throw invalidParameter('At least one task must be provided: tasks is missing or empty.');
  }
  const fields = Object.entries(body).filter(([field]) => !NOT_TASK_FIELDS.has(field));
  return toTaskSpec({ ...Object.fromEntries(fields), task_key: name.slice(0, 100) });
}

function listedTask(task: unknown): TaskSpec {
  if (!isWireObject(task)) throw invalidParameter('tasks must be a list of objects');
  const key = readText(task, 'task_key') ?? '';
  if (!/^[\w-]{1,100}$/.test(key)) {
    throw invalidParameter(`Invalid task_key '${key}': must match ^[\\w\\-\\_]+$`);
  }
  return toTaskSpec(task);
}

function toTaskSpec(body: WireObject): TaskSpec {
  for (const field of ['new_cluster', ...KINDS_READ]) readObject(body, field);
  const nested = nestedTask(body);
  return {
    ...(nested === undefined ? {} : { nested }),
    key: readText(body, 'task_key') ?? '',
    body,
    dependsOn: (readList(body, 'depends_on') ?? []).map(parseDependency),
    runIf: readText(body, 'run_if') ?? 'ALL_SUCCESS',
    timeoutMs: (readInteger(body, 'timeout_seconds') ?? 0) * 1000,
    maxRetries: readInteger(body, 'max_retries') ?? 0,
    minRetryIntervalMs: readInteger(body, 'min_retry_interval_millis') ?? 0,
    retryOnTimeout: readFlag(body, 'retry_on_timeout') ?? false,
    disabled: readFlag(body, 'disabled') ?? false,
  };
}

function nestedTask(body: WireObject): TaskSpec | undefined {
  const loop = readObject(body, 'for_each_task');
  if (loop === undefined) return undefined;
  const nested = readObject(loop, 'task');
  if (nested === undefined || readText(loop, 'inputs') === undefined) {
    throw invalidParameter(`for_each_task of '${readText(body, 'task_key') ?? ''}' needs inputs and a task.`);
  }
  if (nested['for_each_task'] !== undefined) {
    throw invalidParameter('A for_each_task cannot be nested in another.');
  }
  return listedTask(nested);
}

function parseDependency(value: unknown): Dependency {
  if (!isWireObject(value)) throw invalidParameter('depends_on must be a list of objects');
  return { taskKey: readText(value, 'task_key') ?? '', outcome: readText(value, 'outcome') };
}

function assertGraph(tasks: readonly TaskSpec[]): void {
  const keys = new Set(tasks.map(({ key }) => key));
  if (keys.size < tasks.length) throw invalidParameter('Task keys must be unique within a run.');
  for (const task of tasks) {
    const unknown = task.dependsOn.find(({ taskKey }) => !keys.has(taskKey));
    if (unknown !== undefined) {
      throw invalidParameter(`Task '${task.key}' depends on unknown task '${unknown.taskKey}'.`);
    }
  }
  assertAcyclic(tasks);
}

function assertAcyclic(tasks: readonly TaskSpec[]): void {
  let waiting = [...tasks];
  while (waiting.length > 0) {
    const keys = new Set(waiting.map(({ key }) => key));
    const blocked = waiting.filter((task) => task.dependsOn.some(({ taskKey }) => keys.has(taskKey)));
    if (blocked.length === waiting.length) {
      throw invalidParameter('The tasks depend on each other in a cycle.');
    }
    waiting = blocked;
  }
}
