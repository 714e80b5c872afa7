import type { JsonObject as Struct } from '@bufbuild/protobuf';
import { isJsonObject, type JsonObject, type JsonValue } from '../../connector/json';
import type * as flyte1 from '../generated/flyteidl/core/literals_pb';
import { BlobType_BlobDimensionality } from '../generated/flyteidl/core/types_pb';
import type * as flyte2 from '../generated/flyteidl2/core/literals_pb';
import { toStruct } from './struct';
import { toDurationText, toIsoText } from './times';

/** The two versions' literals differ in the names of their packages only. */
type Literal = flyte1.Literal | flyte2.Literal;
type Scalar = flyte1.Scalar | flyte2.Scalar;
type Primitive = flyte1.Primitive | flyte2.Primitive;

/**
 * A literal as plain JSON. Never throws, and loses no bits of a value; type, hash and metadata do not come along.
 *
 * | literal                      | JSON                                                                    |
 * | ---------------------------- | ----------------------------------------------------------------------- |
 * | integer                      | number; beyond 2^53 its decimal text                                    |
 * | float                        | number; `NaN`, `Infinity`, `-Infinity` as text                          |
 * | string, boolean              | the same                                                                |
 * | datetime, duration           | text as in protobuf's JSON: `2026-01-02T03:04:05Z`, `1.5s`              |
 * | none, and a literal unset    | null                                                                    |
 * | collection, map              | array, object                                                           |
 * | union                        | the value it holds                                                      |
 * | generic (older dataclasses)  | the object                                                              |
 * | binary (dataclasses, dicts)  | `{tag, base64}`: msgpack stays closed                                   |
 * | blob                         | `{uri, format, dimensionality}`, the latter `SINGLE` or `MULTIPART`     |
 * | structured dataset           | `{uri, format}`                                                         |
 * | schema, offloaded            | `{uri}`                                                                 |
 * | error                        | `{failedNodeId, message}`                                               |
 */
export function fromLiteral({ value }: Literal): JsonValue {
  switch (value.case) {
    case 'scalar':
      return fromScalar(value.value);
    case 'collection':
      return value.value.literals.map((literal) => fromLiteral(literal));
    case 'map':
      return fromLiterals(Object.entries<Literal>(value.value.literals));
    case 'offloadedMetadata':
      return { uri: value.value.uri };
    case undefined:
      return null;
    default:
      return value satisfies never;
  }
}

/** Values by name. Of two with one name the last one counts, as in a protobuf map. */
export function fromLiterals(literals: Iterable<readonly [string, Literal | undefined]>): JsonObject {
  const entries = [...literals].map(([name, literal]) => [name, fromOptional(literal)] as const);
  return Object.fromEntries(entries);
}

function fromOptional(literal: Literal | undefined): JsonValue {
  return literal === undefined ? null : fromLiteral(literal);
}

function fromScalar({ value }: Scalar): JsonValue {
  switch (value.case) {
    case 'primitive':
      return fromPrimitive(value.value);
    case 'blob':
      return fromBlob(value.value);
    case 'binary':
      return { tag: value.value.tag, base64: Buffer.from(value.value.value).toString('base64') };
    case 'structuredDataset': {
      const { uri, metadata } = value.value;
      return { uri, format: metadata?.structuredDatasetType?.format ?? '' };
    }
    case 'schema':
      return { uri: value.value.uri };
    case 'error':
      return { failedNodeId: value.value.failedNodeId, message: value.value.message };
    case 'generic':
      return value.value;
    case 'union':
      return fromOptional(value.value.value);
    case 'noneType':
    case undefined:
      return null;
    default:
      return value satisfies never;
  }
}

function fromPrimitive({ value }: Primitive): JsonValue {
  switch (value.case) {
    case 'integer':
      return fromInteger(value.value);
    case 'floatValue':
      return Number.isFinite(value.value) ? value.value : String(value.value);
    case 'stringValue':
    case 'boolean':
      return value.value;
    case 'datetime':
      return toIsoText(value.value);
    case 'duration':
      return toDurationText(value.value);
    case undefined:
      return null;
    default:
      return value satisfies never;
  }
}

function fromInteger(value: bigint): JsonValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function fromBlob({ uri, metadata }: flyte1.Blob | flyte2.Blob): JsonValue {
  const format = metadata?.type?.format ?? '';
  const isMultipart = metadata?.type?.dimensionality === BlobType_BlobDimensionality.MULTIPART;
  return { uri, format, dimensionality: isMultipart ? 'MULTIPART' : 'SINGLE' };
}

/** What both versions' `create` take for a literal. */
export interface LiteralInit {
  value: { case: 'scalar'; value: ScalarInit } | { case: 'collection'; value: { literals: LiteralInit[] } };
}

interface ScalarInit {
  value:
    | { case: 'primitive'; value: { value: PrimitiveInit } }
    | { case: 'generic'; value: Struct }
    | { case: 'noneType'; value: Record<string, never> };
}

type PrimitiveInit =
  | { case: 'integer'; value: bigint }
  | { case: 'floatValue'; value: number }
  | { case: 'stringValue'; value: string }
  | { case: 'boolean'; value: boolean };

/**
 * Plain JSON as a literal; {@link fromLiteral} gives the same JSON back. An array becomes a collection, an object a
 * generic Struct and not a map, because Flyte's maps have values of one type only and a Struct is also read as a
 * dataclass or a dict. A whole number becomes an integer, any other a float.
 */
export function toLiteral(value: JsonValue): LiteralInit {
  if (value === null) return scalar({ case: 'noneType', value: {} });
  if (isJsonObject(value)) return scalar({ case: 'generic', value: toStruct(value) });
  if (typeof value === 'object') return collection(value.map(toLiteral));
  return scalar({ case: 'primitive', value: { value: toPrimitive(value) } });
}

function collection(literals: LiteralInit[]): LiteralInit {
  return { value: { case: 'collection', value: { literals } } };
}

function scalar(value: ScalarInit['value']): LiteralInit {
  return { value: { case: 'scalar', value: { value } } };
}

function toPrimitive(value: string | number | boolean): PrimitiveInit {
  if (typeof value === 'string') return { case: 'stringValue', value };
  if (typeof value === 'boolean') return { case: 'boolean', value };
  // Only a float keeps the sign of -0.
  const isInteger = Number.isSafeInteger(value) && !Object.is(value, -0);
  return isInteger ? { case: 'integer', value: BigInt(value) } : { case: 'floatValue', value };
}
