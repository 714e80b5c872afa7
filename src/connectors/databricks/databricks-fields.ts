import { z } from 'zod';
import { isSecretReference, type JsonValue } from '../../connector';

/**
 * The kinds of fields of the Jobs API. Its JSON is lenient: a null counts as absent, a number or truth value may stand
 * for text and digits for a number. What is refused here, Databricks refuses too.
 */

/** Names, paths, ids: text, or a reference to a secret that will become text. Not a number, which may have lost digits. */
export const text = z.custom<JsonValue>(isText, { error: 'must be text' });
export const plainText = z.string({ error: 'must be text' });
export const scalar = z.custom<JsonValue>(
  (value) => isText(value) || typeof value === 'number' || typeof value === 'boolean',
  { error: 'must be text' },
);
export const texts = z.array(scalar, { error: 'must be a list of texts' });
export const textMap = z.record(z.string(), scalar, { error: 'must be an object of texts' });
export const anyObject = z.looseObject({}, { error: 'must be an object' });
export const flag = z.boolean({ error: 'must be true or false' });

function isText(value: unknown): boolean {
  return typeof value === 'string' || isSecretReference(value as JsonValue | undefined);
}

/** An integer; digits in text count, as Airflow and Flyte send them. */
export function integer(least: number, rule: string): z.ZodType {
  const whole = z.custom<JsonValue>(isInteger, { error: 'must be an integer' });
  return whole.refine((value) => Number(value) >= least, { error: rule });
}

export const count = integer(0, 'must not be negative');
export const positive = integer(1, 'must be 1 or more');

function isInteger(value: unknown): boolean {
  return Number.isInteger(value) || (typeof value === 'string' && /^-?\d+$/.test(value));
}

const LARGEST_ID = 2n ** 63n - 1n;
export const id = z.custom<JsonValue>(isId, {
  error: 'must be a 64-bit id above 0; beyond 2^53 it must be in quotes',
});

function isId(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0;
  if (typeof value !== 'string' || !/^\d{1,19}$/.test(value)) return false;
  return BigInt(value) > 0n && BigInt(value) <= LARGEST_ID;
}

export const taskKey = plainText.regex(/^[\w-]{1,100}$/, {
  error: 'must have 1 to 100 characters of A-Z, a-z, 0-9, _ and -',
});

export function textUpTo(characters: number): z.ZodType {
  return text.refine((value) => typeof value !== 'string' || value.length <= characters, {
    error: `must not exceed ${characters} characters`,
  });
}

/** Databricks refuses longer ones. */
export const LONGEST_NAME_BYTES = 4096;
/** Of a run or a job; written as it is, so no secret. */
export const nameText = plainText.refine((name) => bytesOf(name) <= LONGEST_NAME_BYTES, {
  error: `must not exceed ${LONGEST_NAME_BYTES} bytes`,
});

type Members = Readonly<Record<string, unknown>>;
/** An object whose known members were checked. */
export type Shape = z.ZodType<Members>;

/** A list of objects, each with the fields of `shape` and any others. */
export function listOf(shape: Shape, most?: number): z.ZodType<readonly Members[]> {
  const list = z.array(shape, { error: 'must be a list of objects' });
  return most === undefined ? list : list.max(most, { error: `must not hold more than ${most} entries` });
}

export const objects = listOf(anyObject);

/** The known fields of an object, all others welcome; every one that is not required may be absent or null. */
export function shapeOf(
  required: Readonly<Record<string, z.ZodType>>,
  optional: Readonly<Record<string, z.ZodType>> = {},
): Shape {
  const nullish = Object.entries(optional).map(([key, kind]) => [key, kind.nullish()] as const);
  return z.looseObject({ ...required, ...Object.fromEntries(nullish) }, { error: 'must be an object' });
}

/** Exactly one of the keys is given. */
export function oneOf(shape: Shape, keys: readonly string[]): Shape {
  return shape.refine((value) => given(value, keys).length === 1, {
    error: `must have exactly one of ${keys.join(', ')}`,
  });
}

export function atMostOneOf(shape: Shape, keys: readonly string[]): Shape {
  return shape.refine((value) => given(value, keys).length <= 1, {
    error: `must have no more than one of ${keys.join(', ')}`,
  });
}

function given(value: Members, keys: readonly string[]): string[] {
  return keys.filter((key) => value[key] !== undefined && value[key] !== null);
}

/** The JSON of the value may have so many bytes; a secret inside counts nothing, for nobody knows its length yet. */
export function upToJsonBytes(kind: z.ZodType, bytes: number): z.ZodType {
  return kind.refine((value) => bytesOf(JSON.stringify(value, withoutSecrets)) <= bytes, {
    error: `must not exceed ${bytes.toLocaleString('en-US')} bytes of JSON`,
  });
}

function withoutSecrets(_key: string, value: unknown): unknown {
  return isSecretReference(value as JsonValue | undefined) ? '' : value;
}

function bytesOf(value: string): number {
  return new TextEncoder().encode(value).length;
}
