import { invalidTask } from '../../connector/errors';
import { isJsonObject } from '../../connector/json';

/** Schema of the resource meta on the wire; Flyte keeps it for as long as a task lives, so every version stays known. */
const WIRE_VERSION = 1;

/** What Flyte's engine keeps of a task: under 1 kB, no secrets, opaque to it. */
export function encodeWireMeta(id: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ longhaul: WIRE_VERSION, task: id }));
}

/**
 * The id of the task that such bytes name; undefined for bytes that are none of ours, which may be another service's.
 * @throws INVALID_TASK for a version that is not understood, and for a task outside `prefix` (another cluster's).
 */
export function parseWireMeta(bytes: Uint8Array, prefix: string): string | undefined {
  const value = parseJson(bytes);
  if (!isJsonObject(value) || value['longhaul'] === undefined) return undefined;
  const { longhaul, task } = value;
  if (longhaul !== WIRE_VERSION) {
    throw invalidTask('resource_meta.longhaul', `is not understood here (known: ${WIRE_VERSION})`, longhaul);
  }
  if (typeof task !== 'string' || !task.startsWith(prefix)) {
    throw invalidTask('resource_meta.task', `must name a task of this service (${prefix}…)`, task);
  }
  return task;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
