import { latestAttempts, type Run } from './model';
import { toText, type WireObject } from './wire-json';

const REFERENCE = /\{\{\s*tasks\.([\w-]+)\.values\.([\w.-]+)\s*\}\}/g;

/** What the tasks of a run left with `dbutils.jobs.taskValues.set`, by task key: of each task its latest attempt's. */
export function taskValuesOf(run: Run): Record<string, WireObject> {
  const attempts = [...latestAttempts(run).values()];
  return Object.fromEntries(attempts.map(({ taskKey, output }) => [taskKey, output?.taskValues ?? {}]));
}

/** The same for every text of an object's first level. */
export function withTaskValues(fields: WireObject, run: Run): WireObject {
  const entries = Object.entries(fields);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? resolveTaskValues(value, run) : value]),
  );
}

/** Puts values in the place of `{{tasks.KEY.values.NAME}}`; a reference to nothing stays as it is. */
export function resolveTaskValues(text: string, run: Run): string {
  if (!text.includes('{{')) return text;
  const values = taskValuesOf(run);
  return text.replace(REFERENCE, (reference, task: string, name: string) => {
    const value = values[task]?.[name];
    return value === undefined ? reference : toText(value);
  });
}
