import { parse, stringify } from 'lossless-json';
import { isJsonObject, type JsonArray, type JsonObject, type JsonValue } from '../../connector';

/**
 * Reads JSON as Databricks writes it: integers beyond 2^53 become strings, every other number stays a number.
 * @throws SyntaxError for text that is no JSON; the caller knows what that means.
 */
export function parseLosslessJson(text: string): JsonValue {
  // The number parser below gives JSON values only, which the library cannot know.
  return parse(text, null, toNumberOrText) as JsonValue;
}

function toNumberOrText(digits: string): number | string {
  const number = Number(digits);
  const isExact = !/^-?\d+$/.test(digits) || Number.isSafeInteger(number);
  return isExact && Number.isFinite(number) ? number : digits;
}

/** Fields that are 64-bit integers on the wire and strings in our hands, by the path they stand at. */
const ID_FIELDS: ReadonlySet<string> = new Set(['job_id', 'run_id', 'latest_repair_id']);

/** Serializes a request body; `job_id`, `run_id` and `latest_repair_id` become bare integers where Databricks expects integers. */
export function stringifyLosslessJson(body: JsonObject): string {
  return stringify(withIntegerIds(body)) ?? '{}';
}

/** Only ids at known places: a notebook parameter that happens to be named `job_id` stays text. */
function withIntegerIds(body: JsonObject): unknown {
  const { tasks } = body;
  return {
    ...idsToBigints(body),
    ...(Array.isArray(tasks) ? { tasks: tasks.map((task: JsonValue) => taskWithIntegerIds(task)) } : {}),
    ...runJobWithIntegerIds(body),
  };
}

function taskWithIntegerIds(task: JsonValue): unknown {
  if (!isJsonObject(task)) return task;
  const { for_each_task: forEach } = task;
  return {
    ...task,
    ...runJobWithIntegerIds(task),
    ...(isJsonObject(forEach)
      ? { for_each_task: { ...forEach, task: taskWithIntegerIds(forEach['task'] ?? null) } }
      : {}),
  };
}

function runJobWithIntegerIds(task: JsonObject): Record<string, unknown> {
  const runJob = task['run_job_task'];
  return isJsonObject(runJob) ? { run_job_task: idsToBigints(runJob) } : {};
}

function idsToBigints(value: JsonObject): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      ID_FIELDS.has(key) && typeof item === 'string' && /^\d+$/.test(item) ? BigInt(item) : item,
    ]),
  );
}

/** The member as an object, or an empty one: answers are read leniently, whatever they hold. */
export function objectAt(value: JsonObject, key: string): JsonObject {
  const member = value[key];
  return isJsonObject(member) ? member : {};
}

export function objectsAt(value: JsonObject, key: string): readonly JsonObject[] {
  const member = value[key];
  return isJsonArray(member) ? member.filter(isJsonObject) : [];
}

/** A list of ids, each as the text of its digits. */
export function idsAt(value: JsonObject, key: string): readonly string[] {
  const member = value[key];
  return isJsonArray(member) ? member.flatMap((id) => (typeof id === 'object' ? [] : [String(id)])) : [];
}

/** Text as it is; numbers and truth values in words; anything else, and the empty text, counts as absent. */
export function textAt(value: JsonObject, key: string): string | undefined {
  const member = value[key];
  if (typeof member === 'number' || typeof member === 'boolean') return String(member);
  return typeof member === 'string' && member !== '' ? member : undefined;
}

export function numberAt(value: JsonObject, key: string): number | undefined {
  const member = value[key];
  const number = typeof member === 'string' && member !== '' ? Number(member) : member;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

export function isJsonArray(value: JsonValue | undefined): value is JsonArray {
  return Array.isArray(value);
}

/** The object without its absent members, as `exactOptionalPropertyTypes` and JSON want it. */
export function compact(value: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const present = Object.entries(value).filter(
    (entry): entry is [string, JsonValue] => entry[1] !== undefined,
  );
  return Object.fromEntries(present);
}
