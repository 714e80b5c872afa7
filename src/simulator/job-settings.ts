import { invalidParameter } from './api-error';
import type { ApiVersion } from './model';
import { parseTasks } from './task-specs';
import {
  isWireObject,
  readInteger,
  readList,
  readObject,
  readText,
  toText,
  type WireObject,
} from './wire-json';

const MAX_CONCURRENT_RUNS = 1000;
const MAX_NAME_BYTES = 4096;
/** Lists of at most so many items. */
const MAX_ITEMS: Readonly<Record<string, number>> = { job_clusters: 100, environments: 10 };
const MAX_TAGS = 25;
/** The lists whose items an update merges or removes one by one. */
const KEYED: Readonly<Record<string, string>> = { tasks: 'task_key', job_clusters: 'job_cluster_key' };

/** Reads settings for what would make a job that cannot run. @throws ApiError INVALID_PARAMETER_VALUE */
export function checkedSettings(settings: WireObject, version: ApiVersion): WireObject {
  const name = readText(settings, 'name') ?? 'Untitled';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw invalidParameter(`name exceeds ${MAX_NAME_BYTES} bytes`);
  }
  parseTasks(settings, version, name);
  const runs = readInteger(settings, 'max_concurrent_runs') ?? 1;
  if (runs < 0 || runs > MAX_CONCURRENT_RUNS) {
    throw invalidParameter(`max_concurrent_runs must be within [0, ${MAX_CONCURRENT_RUNS}], not ${runs}`);
  }
  for (const [field, max] of Object.entries(MAX_ITEMS)) {
    if ((readList(settings, field)?.length ?? 0) > max) {
      throw invalidParameter(`${field} has more than ${max} items`);
    }
  }
  if (Object.keys(readObject(settings, 'tags') ?? {}).length > MAX_TAGS) {
    throw invalidParameter(`more than ${MAX_TAGS} tags`);
  }
  assertParameters(settings);
  return settings;
}

/** Lays `changes` over settings, items of keyed lists one by one, and takes out what is to be removed. */
export function updatedSettings(
  settings: WireObject,
  changes: WireObject,
  removed: readonly string[],
): WireObject {
  const merged = {
    ...settings,
    ...changes,
    ...mergedList('tasks', [settings, changes]),
    ...mergedList('job_clusters', [settings, changes]),
  };
  return removed.reduce<WireObject>(without, merged);
}

function mergedList(field: string, sources: readonly WireObject[]): WireObject {
  const items = sources.flatMap((source) => readList(source, field) ?? []).filter(isWireObject);
  if (items.length === 0) return {};
  return { [field]: [...new Map(items.map((item) => [keyOf(field, item), item])).values()] };
}

function without(settings: WireObject, path: string): WireObject {
  const [field = '', key] = path.split('/');
  if (key === undefined) {
    return Object.fromEntries(Object.entries(settings).filter(([name]) => name !== field));
  }
  if (KEYED[field] === undefined) {
    throw invalidParameter(`fields_to_remove: nested field '${path}' cannot be removed`);
  }
  const items = readList(settings, field)?.filter(isWireObject) ?? [];
  return { ...settings, [field]: items.filter((item) => keyOf(field, item) !== key) };
}

function keyOf(field: string, item: WireObject): string {
  return toText(item[KEYED[field] ?? '']);
}

function assertParameters(settings: WireObject): void {
  const names = (readList(settings, 'parameters') ?? []).map((item) => {
    const name = isWireObject(item) ? (readText(item, 'name') ?? '') : '';
    if (!/^[\w.-]+$/.test(name)) throw invalidParameter(`Invalid job parameter name '${name}'`);
    return name;
  });
  if (new Set(names).size < names.length) throw invalidParameter('Job parameters must have different names.');
}
