import { isJsonObject, type JsonValue } from './json';

/**
 * Credentials that came with one task, sealed at the door: Flyte 2's `Connection`. No values, only what a key of the
 * operator opens again.
 */
export interface Connection {
  /** Name → `sealed:` reference. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Id of the task they were sealed for: they open for no other. */
  readonly sealedFor: string;
  /** Keyed digest of the values: tells whether a caller brings others now. */
  readonly digest: string;
  /** Epoch milliseconds. */
  readonly sealedAt: number;
}

/** Reads what a signal brought; undefined for anything else. */
export function parseConnection(value: unknown): Connection | undefined {
  if (!isJsonObject(value)) return undefined;
  const { secrets, sealedFor, digest, sealedAt } = value;
  if (!isJsonObject(secrets) || typeof sealedFor !== 'string') return undefined;
  if (typeof digest !== 'string' || typeof sealedAt !== 'number') return undefined;
  return { secrets: textsOf(secrets), sealedFor, digest, sealedAt };
}

function textsOf(value: Readonly<Record<string, JsonValue>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])),
  );
}
