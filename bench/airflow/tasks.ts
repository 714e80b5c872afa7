import { setTimeout as sleep } from 'node:timers/promises';

import type { TaskClient, TaskStatus } from '../../src/client';
import { DEFAULT_POLICY, isJsonObject, LonghaulError, type JsonObject } from '../../src/connector';
import { waitFor } from '../../src/temporal/wait';
import type { TaskResult } from '../../workflows/task-input';

const OPERATORS = 'airflow.providers.databricks.operators.databricks';
const SENSORS = 'airflow.providers.standard.sensors.filesystem';

/** Calls of Temporal that are under way at once. */
const CALLERS = 16;
const RETRY_MS = 500;
const STEP_LIMIT_MS = 900_000;

/** One deferrable Databricks task of the shape that the peer's DAG has: see `peer/dags/bench_dag.py`. */
export function databricksSpec(runName: string): JsonObject {
  const notebook_task = { notebook_path: '/bench' };
  const parameters = {
    deferrable: true,
    polling_period_seconds: 5,
    json: {
      run_name: runName,
      tasks: [{ task_key: 'main', existing_cluster_id: 'bench', notebook_task }],
    },
  };
  return { operator: `${OPERATORS}.DatabricksSubmitRunOperator`, parameters };
}

/** A sensor that waits for a file which is not there. */
export function fileSensorSpec(filepath: string, parameters: JsonObject): JsonObject {
  return { operator: `${SENSORS}.FileSensor`, parameters: { filepath, ...parameters } };
}

/** Starts a task of each spec; gives their ids. */
export async function startTasks(
  tasks: TaskClient,
  prefix: string,
  specs: readonly JsonObject[],
): Promise<string[]> {
  const ids = specs.map((_, index) => `${prefix}-${index}`);
  await forEach(ids, async (id, index) => {
    const template = { type: 'airflow', version: 0, name: id, custom: specs[index] ?? {} };
    await whileUnavailable(() => tasks.start({ id, template, policy: DEFAULT_POLICY }));
  });
  return ids;
}

/** Waits for the end of each; undefined where a workflow could not say. */
export function awaitResults(tasks: TaskClient, ids: readonly string[]): Promise<(TaskResult | undefined)[]> {
  return Promise.all(ids.map((id) => whileUnavailable(() => tasks.result(id))));
}

/** Says of the first one that failed what it said. */
export function countNotSucceeded(results: readonly (TaskResult | undefined)[]): number {
  const others = results.filter((result) => result?.resource.phase !== 'SUCCEEDED');
  const [first] = others;
  if (others.length > 0) console.error(`${others.length} did not succeed:`, first?.resource.message);
  return others.length;
}

/** Waits until each task has come to this step of its life. */
export async function untilAllAre(
  kind: 'trigger' | 'poke',
  tasks: TaskClient,
  ids: readonly string[],
): Promise<void> {
  const left = [...ids];
  const look = async (): Promise<true | undefined> => {
    while (left[0] !== undefined && stepOf(await tasks.get(left[0])) === kind) left.shift();
    return left.length === 0 ? true : undefined;
  };
  await waitFor(look, { what: `all tasks to be at ${kind}`, limitMs: STEP_LIMIT_MS, intervalMs: 500 });
}

function stepOf({ meta }: TaskStatus): unknown {
  const step = meta?.['step'];
  return isJsonObject(step) ? step['kind'] : undefined;
}

/** Temporal may be killed meanwhile; every call here is safe to repeat. */
async function whileUnavailable<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (LonghaulError.from(error).code !== 'UNAVAILABLE') throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** Some at a time. */
export async function forEach<T>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const left = items.map((item, index) => ({ item, index }));
  const callers = Array.from({ length: CALLERS }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await act(next.item, next.index);
  });
  await Promise.all(callers);
}
