import { invalidTask, isJsonObject, type JsonObject, type JsonValue } from '../../connector';
import { isJsonArray, objectsAt, textAt } from './databricks-json';
import { assertShape, taskTypesOf } from './databricks-schema';
import { PARAMETER_OVERRIDES } from './databricks-task-types';

/** Jobs API 2.2. */
const MOST_TASKS = 1000;

/** Types that run on Spark or Python compute and so must say which; the others bring their own or need none. */
const NEEDS_COMPUTE: ReadonlySet<string> = new Set([
  'spark_python_task',
  'spark_jar_task',
  'spark_submit_task',
  'python_wheel_task',
]);

const COMPUTE_FIELDS: readonly string[] = ['existing_cluster_id', 'new_cluster', 'environment_key'];

/** Types that only some kinds of compute can run; every other takes what its body says. */
const COMPUTE_OF: Readonly<Record<string, readonly string[]>> = {
  spark_submit_task: ['new_cluster'],
  condition_task: [],
};

/**
 * Checks a `runs/submit` body as Databricks would, so that nothing is started that cannot run. Unknown fields and
 * unknown task types pass. @throws INVALID_TASK naming field, reason and value.
 */
export function assertSubmitBody(body: JsonObject, path: string): void {
  assertNoOwnToken(body, path);
  if (body['tags'] !== undefined) {
    throw invalidTask(`${path}.tags`, 'is no field of a submitted run; only saved jobs have tags');
  }
  assertShape('submitBody', body, path);
  const environments = new Set(
    objectsAt(body, 'environments').map((entry) => textAt(entry, 'environment_key')),
  );
  const { tasks } = body;
  if (isJsonArray(tasks)) assertTasks(body, { path, environments });
  else assertTask(body, { path, environments });
}

/** Checks a `run-now` body. @throws INVALID_TASK naming field, reason and value. */
export function assertRunNowBody(body: JsonObject, path: string): void {
  assertNoOwnToken(body, path);
  if (isGiven(body['job_id']) && isGiven(body['job_name'])) {
    throw invalidTask(
      `${path}.job_name`,
      'cannot stand beside job_id: one of them says which job',
      body['job_name'],
    );
  }
  if (!isGiven(body['job_id']) && !isGiven(body['job_name'])) {
    throw invalidTask(`${path}.job_id`, 'is missing: job_id or job_name says which job');
  }
  if (body['tasks'] !== undefined) {
    throw invalidTask(`${path}.tasks`, 'cannot stand beside job_id or job_name, which run a saved job');
  }
  assertShape('runNowBody', withoutEmptyOverrides(body), path);
  if (hasContent(body, 'notebook_params') && hasContent(body, 'jar_params')) {
    throw invalidTask(`${path}.jar_params`, 'cannot be combined with notebook_params');
  }
}

function isGiven(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

/** Clients send empty overrides of every kind, `{}` and `[]` alike; only content counts. */
function withoutEmptyOverrides(body: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(body).filter(
      ([key, value]) => !Object.hasOwn(PARAMETER_OVERRIDES, key) || !isEmpty(value),
    ),
  );
}

function assertNoOwnToken(body: JsonObject, path: string): void {
  if (body['idempotency_token'] === undefined) return;
  throw invalidTask(`${path}.idempotency_token`, 'is set by Longhaul, one for each attempt; leave it out');
}

function isEmpty(value: JsonValue): boolean {
  return typeof value === 'object' && Object.keys(value ?? {}).length === 0;
}

function hasContent(body: JsonObject, key: string): boolean {
  return isGiven(body[key]) && !isEmpty(body[key] ?? null);
}

interface Surroundings {
  readonly path: string;
  readonly environments: ReadonlySet<string | undefined>;
}

function assertTasks(body: JsonObject, { path, environments }: Surroundings): void {
  const [stray] = taskTypesOf(body);
  if (stray !== undefined) {
    throw invalidTask(`${path}.${stray}`, 'must stand inside tasks when tasks is given');
  }
  const tasks = isJsonArray(body['tasks']) ? body['tasks'] : [];
  if (tasks.length === 0) throw invalidTask(`${path}.tasks`, 'must hold at least one task');
  if (tasks.length > MOST_TASKS) {
    throw invalidTask(`${path}.tasks`, `must not hold more than ${MOST_TASKS} tasks`, tasks.length);
  }
  const objects = objectsAt(body, 'tasks');
  objects.forEach((task, index) => {
    const taskPath = `${path}.tasks[${index}]`;
    assertShape('task', task, taskPath);
    assertTask(task, { path: taskPath, environments });
  });
  assertUniqueKeys(objects, path);
  assertDependencies(objects, path);
}

function assertTask(task: JsonObject, surroundings: Surroundings): void {
  const { path } = surroundings;
  if (task['job_cluster_key'] !== undefined) {
    throw invalidTask(
      `${path}.job_cluster_key`,
      'is for saved jobs; a submitted run names new_cluster itself',
    );
  }
  const types = taskTypesOf(task);
  const [type, second] = types;
  if (type === undefined) {
    const notAnObject = Object.keys(task).find((key) => key.endsWith('_task'));
    throw invalidTask(
      notAnObject === undefined ? path : `${path}.${notAnObject}`,
      notAnObject === undefined ? 'must hold a task type such as notebook_task' : 'must be an object',
    );
  }
  if (second !== undefined) throw invalidTask(path, 'must hold one task type only', types);
  assertCompute(task, type, surroundings);
  assertTypeRules(task, type, surroundings);
}

function assertCompute(task: JsonObject, type: string, { path, environments }: Surroundings): void {
  const given = COMPUTE_FIELDS.filter((field) => isGiven(task[field]));
  const [first] = given;
  if (given.length > 1) throw invalidTask(path, 'must name one kind of compute only', given);
  assertSuits(type, first, path);
  if (first === undefined && NEEDS_COMPUTE.has(type)) {
    throw invalidTask(path, `a ${type} needs ${inWords(COMPUTE_OF[type] ?? COMPUTE_FIELDS)}`);
  }
  const environment = textAt(task, 'environment_key');
  if (environment !== undefined && !environments.has(environment)) {
    throw invalidTask(`${path}.environment_key`, 'names no entry of environments', environment);
  }
}

function assertSuits(type: string, compute: string | undefined, path: string): void {
  const suitable = COMPUTE_OF[type];
  if (compute === undefined || suitable === undefined || suitable.includes(compute)) return;
  const reason = suitable.length === 0 ? 'takes no compute' : `runs on ${inWords(suitable)} only`;
  throw invalidTask(`${path}.${compute}`, `is wrong here: a ${type} ${reason}`);
}

function inWords(fields: readonly string[]): string {
  return fields.join(', ').replace(/, ([^,]+)$/, ' or $1');
}

function assertTypeRules(task: JsonObject, type: string, surroundings: Surroundings): void {
  const { path } = surroundings;
  if (type === 'python_wheel_task') {
    const wheel = task[type];
    if (isJsonObject(wheel) && hasContent(wheel, 'parameters') && hasContent(wheel, 'named_parameters')) {
      throw invalidTask(`${path}.${type}.named_parameters`, 'cannot be combined with parameters');
    }
  }
  if (type === 'for_each_task') {
    const forEach = task[type];
    const nested = isJsonObject(forEach) ? forEach['task'] : undefined;
    if (!isJsonObject(nested)) return;
    const nestedPath = `${path}.${type}.task`;
    if (nested[type] !== undefined) throw invalidTask(`${nestedPath}.${type}`, 'cannot be nested in another');
    assertShape('task', nested, nestedPath);
    assertTask(nested, { ...surroundings, path: nestedPath });
  }
}

function assertUniqueKeys(tasks: readonly JsonObject[], path: string): void {
  const seen = new Set<string>();
  tasks.forEach((task, index) => {
    const key = textAt(task, 'task_key') ?? '';
    if (seen.has(key)) {
      throw invalidTask(`${path}.tasks[${index}].task_key`, 'is used by an earlier task', key);
    }
    seen.add(key);
  });
}

function dependenciesOf(task: JsonObject): string[] {
  return objectsAt(task, 'depends_on').map((dependency) => textAt(dependency, 'task_key') ?? '');
}

/** Every dependency exists and none leads back to itself. */
function assertDependencies(tasks: readonly JsonObject[], path: string): void {
  const dependencies = new Map(tasks.map((task) => [textAt(task, 'task_key') ?? '', dependenciesOf(task)]));
  [...dependencies.values()].forEach((keys, index) => {
    keys.forEach((key, position) => {
      if (dependencies.has(key)) return;
      throw invalidTask(
        `${path}.tasks[${index}].depends_on[${position}].task_key`,
        'names no task of this run',
        key,
      );
    });
  });
  const cyclic = findCyclic(dependencies);
  if (cyclic.length === 0) return;
  const index = [...dependencies.keys()].indexOf(cyclic[0] ?? '');
  throw invalidTask(`${path}.tasks[${index}].depends_on`, 'is part of a cycle', cyclic);
}

/** What is left when tasks without open dependencies are taken away again and again (Kahn). */
function findCyclic(dependencies: ReadonlyMap<string, readonly string[]>): string[] {
  const open = new Map([...dependencies].map(([key, keys]) => [key, new Set(keys).size]));
  const dependants = new Map<string, string[]>();
  for (const [key, keys] of dependencies) {
    for (const dependency of new Set(keys)) {
      dependants.set(dependency, [...(dependants.get(dependency) ?? []), key]);
    }
  }
  const ready = [...open].filter(([, left]) => left === 0).map(([key]) => key);
  for (let key = ready.pop(); key !== undefined; key = ready.pop()) {
    open.delete(key);
    for (const dependant of dependants.get(key) ?? []) {
      const left = (open.get(dependant) ?? 0) - 1;
      open.set(dependant, left);
      if (left === 0) ready.push(dependant);
    }
  }
  return [...open.keys()];
}
