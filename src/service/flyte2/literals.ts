import type { JsonObject } from '../../connector/json';
import { fromLiterals, toLiteral, type LiteralInit } from '../flyte/literals';
import type { Inputs } from '../generated/flyteidl2/task/common_pb';

/** Inputs by name. Their order, and the run's `context`, are of no use to a connector. */
export function fromInputs(inputs: Inputs | undefined): JsonObject {
  return fromLiterals((inputs?.literals ?? []).map(({ name, value }) => [name, value] as const));
}

/** In the order of the members. */
export function toOutputs(values: JsonObject): { literals: { name: string; value: LiteralInit }[] } {
  return { literals: Object.entries(values).map(([name, value]) => ({ name, value: toLiteral(value) })) };
}
