import { createHash, randomBytes } from 'node:crypto';

import type { AdoptedJob } from '../../workflows/task-input';
import type { Connection } from '../connector/connection';
import type { JsonObject, JsonValue } from '../connector/json';
import { canonicalJson, isJsonObject, jsonBytes } from '../connector/json';
import { invalidTask, LonghaulError } from '../connector/errors';
import type { TaskPolicy } from '../connector/task-policy';
import type { TaskExecutionMetadata, TaskTemplate } from '../connector/task-template';

/** What a caller asks for: one task. */
export interface TaskRequest {
  readonly template: TaskTemplate;
  readonly inputs?: JsonValue;
  readonly outputPrefix?: string;
  readonly taskExecution?: TaskExecutionMetadata;
  readonly policy: TaskPolicy;
  /** The caller's own key; a readable one is generated without it. */
  readonly id?: string;
  /** Credentials that came with the task, sealed for this id. */
  readonly connection?: Connection;
  /** A job that somebody else started: the task follows it and starts nothing. */
  readonly adopted?: AdoptedJob;
  /** Ids of earlier attempts of the same task: they are canceled and seen closed before this one submits. */
  readonly earlierAttempts?: readonly string[];
}

/** One whose caller has chosen its id. */
export type NamedRequest = TaskRequest & { readonly id: string };

/** Template and inputs serialized; Temporal refuses two megabytes, and history should stay light. */
export const PAYLOAD_LIMIT_BYTES = 1024 * 1024;

/** @throws PAYLOAD_TOO_LARGE naming the largest field. */
export function assertPayloadSize(request: TaskRequest): void {
  const { template, inputs = null } = request;
  const bytes = jsonBytes(template) + jsonBytes(inputs);
  if (bytes <= PAYLOAD_LIMIT_BYTES) return;
  const largest = largestField({ ...flatten('custom', template.custom), inputs });
  const text = `Template and inputs are ${inKib(bytes)}; the limit is ${inKib(PAYLOAD_LIMIT_BYTES)}.`;
  throw new LonghaulError(
    'PAYLOAD_TOO_LARGE',
    `${text} The largest field is ${largest.name} (${inKib(largest.bytes)}).`,
    {
      field: largest.name,
      advice: 'Put large data where the job can read it, and pass its address.',
    },
  );
}

/** Two levels deep: far enough to name the field, near enough to be read. */
function flatten(path: string, value: JsonObject): Record<string, JsonValue> {
  const fields: Record<string, JsonValue> = {};
  for (const [key, item] of Object.entries(value)) {
    if (!isJsonObject(item)) fields[`${path}.${key}`] = item;
    else for (const [inner, deeper] of Object.entries(item)) fields[`${path}.${key}.${inner}`] = deeper;
  }
  return fields;
}

function largestField(fields: Record<string, JsonValue>): { name: string; bytes: number } {
  const sizes = Object.entries(fields).map(([name, value]) => ({ name, bytes: jsonBytes(value) }));
  return sizes.reduce((largest, next) => (next.bytes > largest.bytes ? next : largest), {
    name: 'task',
    bytes: 0,
  });
}

function inKib(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}

/** Names the spec itself: two requests under one id are the same task only with equal fingerprints. */
export function fingerprintOf(request: TaskRequest): string {
  const { template, inputs = null, outputPrefix = null, adopted } = request;
  const spec: JsonObject = {
    type: template.type,
    version: template.version,
    custom: template.custom,
    container: template.container === undefined ? null : { ...template.container },
    inputs,
    outputPrefix,
    ...(adopted === undefined ? {} : { adopted: adopted.meta }),
  };
  return createHash('sha256').update(canonicalJson(spec)).digest('hex').slice(0, 32);
}

/** Temporal refuses longer ones; line breaks and the like would make an id that nobody can type. */
const LONGEST_ID_BYTES = 1000;

/** @throws INVALID_TASK for an id that cannot name a task. */
export function assertTaskId(id: string): void {
  if (id.trim() === '') throw invalidTask('id', 'must not be empty', id);
  if (/\p{Cc}/u.test(id)) throw invalidTask('id', 'must not hold control characters', id);
  if (Buffer.byteLength(id) <= LONGEST_ID_BYTES) return;
  throw invalidTask('id', `must not be longer than ${LONGEST_ID_BYTES} bytes`, id);
}

/**
 * `word-count-20261121-143005-9f3ak20c`: readable and sorted by time. The tail has 40 random bits, so that thousands of
 * equal tasks started in one second stay as many tasks.
 */
export function generateTaskId(request: TaskRequest, now: Date): string {
  const { name, type } = request.template;
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const tail = randomBytes(5).readUIntBE(0, 5).toString(36).padStart(8, '0');
  return `${slugOf(name ?? '') || slugOf(type) || 'task'}-${stamp}-${tail}`;
}

/** Never begins with `-`, which a shell command would take for an option. */
function slugOf(text: string): string {
  const words = text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return words.replace(/^-+/, '').slice(0, 80).replace(/-+$/, '');
}
