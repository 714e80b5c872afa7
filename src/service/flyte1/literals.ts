import type { JsonObject } from '../../connector/json';
import { fromLiterals, toLiteral, type LiteralInit } from '../flyte/literals';
import type { LiteralMap } from '../generated/flyteidl/core/literals_pb';

/** Inputs by name; without a map there are none. */
export function fromLiteralMap(map: LiteralMap | undefined): JsonObject {
  return fromLiterals(Object.entries(map?.literals ?? {}));
}

export function toLiteralMap(values: JsonObject): { literals: Record<string, LiteralInit> } {
  const entries = Object.entries(values).map(([name, value]) => [name, toLiteral(value)] as const);
  return { literals: Object.fromEntries(entries) };
}
