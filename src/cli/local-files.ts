import { resolve } from 'node:path';

import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';

/**
 * A `python_file` that begins with `./` or `../` lies beside the task file: it becomes absolute, so that the simulated
 * workspace, another process in another folder, finds it. Git sources and workspace paths stay as they are.
 */
export function resolveLocalFiles(document: JsonObject, folder: string): JsonObject {
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => [key, resolveIn(key, value, folder)]),
  );
}

function resolveIn(key: string, value: JsonValue, folder: string): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => resolveIn(key, item, folder));
  if (!isJsonObject(value)) return value;
  if (key === 'spark_python_task') return resolvePythonFile(value, folder);
  return resolveLocalFiles(value, folder);
}

function resolvePythonFile(task: JsonObject, folder: string): JsonObject {
  const { python_file: file, source } = task;
  if (typeof file !== 'string' || source === 'GIT' || !/^\.\.?\//.test(file)) return task;
  return { ...task, python_file: resolve(folder, file) };
}
