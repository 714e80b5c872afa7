import { resolve } from 'node:path';

import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';

/**
 * A `python_file` or `notebook_path` that begins with `./` or `../` lies beside the task file: it becomes absolute, so
 * that the simulated workspace, another process in another folder, finds it. Git sources and workspace paths stay as they are.
 */
export function resolveLocalFiles(document: JsonObject, folder: string): JsonObject {
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => [key, resolveIn(key, value, folder)]),
  );
}

function resolveIn(key: string, value: JsonValue, folder: string): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => resolveIn(key, item, folder));
  if (!isJsonObject(value)) return value;
  if (key === 'spark_python_task') return resolveFile(value, 'python_file', (file) => resolve(folder, file));
  if (key === 'notebook_task') {
    return resolveFile(value, 'notebook_path', (file) => `file:${resolve(folder, file)}`);
  }
  return resolveLocalFiles(value, folder);
}

function resolveFile(task: JsonObject, field: string, toAbsolute: (file: string) => string): JsonObject {
  const file = task[field];
  if (typeof file !== 'string' || task['source'] === 'GIT' || !/^\.\.?\//.test(file)) return task;
  return { ...task, [field]: toAbsolute(file) };
}
