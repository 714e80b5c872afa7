import { isJsonObject, type JsonObject, type JsonValue } from '../../connector';

/** By these a run is found and its state is judged: never touched, whatever value somebody chose for a secret. */
const KEPT = /(_id|_state|_token|_key)$|^(state|code|type)$/;

/**
 * Takes secrets out of what Databricks says, before any of it is cut: a job that prints its parameters quotes them in
 * logs, errors and traces, and its spec comes back with every run.
 */
export function redactAnswer(answer: JsonObject, redact: (text: string) => string): JsonObject {
  const members = Object.entries(answer).map(([key, value]) => [
    key,
    KEPT.test(key) && typeof value === 'string' ? value : redactValue(value, redact),
  ]);
  return Object.fromEntries(members) as JsonObject; // fromEntries loses the member type
}

function redactValue(value: JsonValue, redact: (text: string) => string): JsonValue {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((item: JsonValue) => redactValue(item, redact));
  return isJsonObject(value) ? redactAnswer(value, redact) : value;
}
