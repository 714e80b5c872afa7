import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { JsonValue } from '../../../src/connector';
import { fromLiteral, toLiteral } from '../../../src/service/flyte/literals';
import { LiteralSchema as Literal1 } from '../../../src/service/generated/flyteidl/core/literals_pb';
import { LiteralSchema as Literal2 } from '../../../src/service/generated/flyteidl2/core/literals_pb';

const LITERAL_SCHEMAS = [
  ['Flyte 1', Literal1],
  ['Flyte 2', Literal2],
] as const;

type Value = Parameters<typeof create<typeof Literal1>>[1];

function scalar(value: object): Value {
  const literal: unknown = { value: { case: 'scalar', value: { value } } };
  return literal as Value;
}

function primitive(kind: string, value: unknown): Value {
  return scalar({ case: 'primitive', value: { value: { case: kind, value } } });
}

const moment = (seconds: bigint, nanos = 0): Value => primitive('datetime', { seconds, nanos });
const span = (seconds: bigint, nanos = 0): Value => primitive('duration', { seconds, nanos });

const KINDS: readonly (readonly [string, Value, JsonValue])[] = [
  ['the largest safe integer', primitive('integer', 9007199254740991n), 9007199254740991],
  ['an integer beyond 2^53', primitive('integer', 9007199254740993n), '9007199254740993'],
  ['the smallest integer', primitive('integer', -(2n ** 63n)), '-9223372036854775808'],
  ['a float that is no number', primitive('floatValue', NaN), 'NaN'],
  ['an infinite float', primitive('floatValue', -Infinity), '-Infinity'],
  ['a whole float', primitive('floatValue', 2), 2],
  ['a moment with nanoseconds', moment(0n, 1), '1970-01-01T00:00:00.000000001Z'],
  ['a moment before 1970', moment(-1n, 500_000_000), '1969-12-31T23:59:59.5Z'],
  ['the last moment', moment(253402300799n), '9999-12-31T23:59:59Z'],
  ['a moment beyond the year 9999', moment(253402300800n), '253402300800s'],
  ['a duration', span(1n, 500_000_000), '1.5s'],
  ['a negative duration', span(0n, -1), '-0.000000001s'],
  ['a duration beyond protobuf’s JSON', span(2n ** 62n), '4611686018427387904s'],
  ['none', scalar({ case: 'noneType', value: {} }), null],
  ['a literal unset', {}, null],
  ['a scalar unset', { value: { case: 'scalar', value: {} } }, null],
  ['a primitive unset', scalar({ case: 'primitive', value: {} }), null],
  ['a union unset', scalar({ case: 'union', value: {} }), null],
  [
    'a generic',
    scalar({ case: 'generic', value: { a: [1, null, { b: true }] } }),
    { a: [1, null, { b: true }] },
  ],
  ['a schema', scalar({ case: 'schema', value: { uri: 's3://b/s' } }), { uri: 's3://b/s' }],
  [
    'an error',
    scalar({ case: 'error', value: { failedNodeId: 'n0', message: 'no' } }),
    { failedNodeId: 'n0', message: 'no' },
  ],
  ['a blob without metadata', scalar({ case: 'blob', value: { uri: 'u' } }), blob('u')],
  [
    'a dataset without metadata',
    scalar({ case: 'structuredDataset', value: { uri: 'u' } }),
    { uri: 'u', format: '' },
  ],
  [
    'an offloaded literal',
    { value: { case: 'offloadedMetadata', value: { uri: 's3://b/o', sizeBytes: 5n } } },
    { uri: 's3://b/o' },
  ],
];

function blob(uri: string): JsonValue {
  return { uri, format: '', dimensionality: 'SINGLE' };
}

describe.each(LITERAL_SCHEMAS)('%s', (_version, schema) => {
  const send = (value: unknown): JsonValue => {
    const literal = create<typeof Literal1 | typeof Literal2>(schema, value as never);
    return fromLiteral(
      fromBinary<typeof Literal1 | typeof Literal2>(schema, toBinary(schema, literal as never)),
    );
  };

  test.each(KINDS)('%s becomes JSON', (_kind, literal, json) => {
    expect(send(literal)).toStrictEqual(json);
  });

  test('plain JSON becomes a literal that becomes the same JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        const json = value as JsonValue;
        expect(send(toLiteral(json))).toStrictEqual(json);
      }),
      { numRuns: 500 },
    );
  });

  test('no integer is rounded', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(BigInt(send(primitive('integer', value)) as string | number)).toBe(value);
      }),
    );
  });

  test('no moment and no duration throws', () => {
    const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(int64, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (seconds, nanos) => {
        expect(typeof send(moment(seconds, nanos))).toBe('string');
        expect(typeof send(span(seconds, nanos))).toBe('string');
      }),
    );
  });
});

test.each([
  [5, 'integer', 5n],
  [-(2 ** 53) + 1, 'integer', -9007199254740991n],
  [2 ** 53, 'floatValue', 2 ** 53],
  [-0, 'floatValue', -0],
  [1.5, 'floatValue', 1.5],
  ['text', 'stringValue', 'text'],
  [false, 'boolean', false],
])('%p is written as %s', (value, kind, held) => {
  expect(toLiteral(value)).toEqual(primitive(kind, held));
});

test('an object is written as a generic, an array as a collection of its items’ literals', () => {
  expect(toLiteral([{ a: 1 }, null])).toEqual({
    value: {
      case: 'collection',
      value: {
        literals: [scalar({ case: 'generic', value: { a: 1 } }), scalar({ case: 'noneType', value: {} })],
      },
    },
  });
});
