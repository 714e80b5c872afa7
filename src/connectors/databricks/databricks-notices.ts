import { isJsonObject, isNearName, type JsonObject } from '../../connector';
import { objectAt, objectsAt } from './databricks-json';
import { FIELD_NAMES } from './databricks-schema';
import type { DatabricksTask } from './databricks-task';

/** Databricks takes a submit body that holds them and does nothing with them. */
const SAVED_JOBS_ONLY: ReadonlySet<string> = new Set([
  ...['schedule', 'trigger', 'triggers', 'continuous', 'max_concurrent_runs', 'parameters', 'job_clusters'],
]);

/**
 * Fields that Databricks will ignore without a word and that were probably meant otherwise: settings of saved jobs,
 * and names that come near a known one. They are sent as they are, for the API grows faster than any list of ours.
 */
export function noticesOn({ operation, body }: DatabricksTask): string[] {
  if (operation === 'run-now') return nearMisses(body, 'spec', FIELD_NAMES.runNow);
  const ignored = Object.keys(body).filter((key) => SAVED_JOBS_ONLY.has(key));
  return [
    ...ignored.map((key) => `spec.${key} is a setting of saved jobs: a submitted run ignores it.`),
    // In the older form the one task stands at the top.
    ...nearMisses(body, 'spec', [...FIELD_NAMES.submit, ...FIELD_NAMES.task]),
    ...objectsAt(body, 'tasks').flatMap((task, index) => noticesOnTask(task, `spec.tasks[${index}]`)),
  ];
}

function noticesOnTask(task: JsonObject, path: string): string[] {
  const nested = objectAt(task, 'for_each_task')['task'];
  return [
    ...nearMisses(task, path, FIELD_NAMES.task),
    ...(isJsonObject(nested) ? noticesOnTask(nested, `${path}.for_each_task.task`) : []),
  ];
}

function nearMisses(value: JsonObject, path: string, known: readonly string[]): string[] {
  return Object.keys(value).flatMap((key) => {
    const meant = known.includes(key) ? undefined : known.find((name) => isNearName(key, name));
    return meant === undefined
      ? []
      : [`${path}.${key} is not known to Longhaul and is sent as it is. Did you mean ${meant}?`];
  });
}
