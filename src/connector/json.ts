/** Plain JSON values: all that crosses a Temporal, file or wire boundary in Longhaul. */
export type JsonValue = string | number | boolean | null | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
/** The members of a JSON object; never an array or null. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** An object of members: no array, not null. Of the members themselves nothing is checked. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** UTF-8 size of a value as it will be serialized. */
export function jsonBytes(value: object | JsonValue): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

/**
 * Serializes with sorted keys, so that two spellings of one value give one text.
 * Used for fingerprints; key order never carries meaning in a task template.
 */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
}
