import type { JsonObject as Struct, JsonValue as StructValue } from '@bufbuild/protobuf';
import { isJsonObject, type JsonObject, type JsonValue } from '../../connector/json';

/**
 * A protobuf Struct of plain JSON: a copy, because the wire's type is mutable and ours is not.
 * A number that JSON cannot say becomes null, as in JSON itself: a reply that cannot be encoded would be a failed
 * GetTask, and a few of those freeze a job in the engine.
 */
export function toStruct(value: JsonObject): Struct {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toStructValue(member)]));
}

function toStructValue(value: JsonValue): StructValue {
  if (isJsonObject(value)) return toStruct(value);
  if (typeof value === 'object' && value !== null) return value.map(toStructValue);
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}
