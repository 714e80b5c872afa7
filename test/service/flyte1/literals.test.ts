import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/connector';
import { fromLiteralMap, toLiteralMap } from '../../../src/service/flyte1/literals';
import { LiteralMapSchema } from '../../../src/service/generated/flyteidl/core/literals_pb';
import { readFixtureBytes } from '../flyte/fixtures';

test('all 18 types that flytekit writes become plain JSON', () => {
  const map = fromBinary(LiteralMapSchema, readFixtureBytes('literals-v1.pb.b64'));
  expect(fromLiteralMap(map)).toStrictEqual({
    b: true,
    big: '1152921504606846976',
    dc: { tag: 'msgpack', base64: 'gqFhAaFikaF4' },
    dct: { tag: 'msgpack', base64: 'gaFhgaFikgHA' },
    dir: { uri: 's3://bucket/d', format: '', dimensionality: 'MULTIPART' },
    dt: '2026-01-02T03:04:05Z',
    e: 'red',
    empty: '',
    f: 1.5,
    file: { uri: 's3://bucket/f.csv', format: '', dimensionality: 'SINGLE' },
    i: 5,
    l: [1, 2],
    m: { k: 'v' },
    n: null,
    opt: 3,
    s: 'text',
    sd: { uri: 's3://bucket/sd', format: 'parquet' },
    td: '300s',
  });
});

test('plain outputs come back as they went, whatever their names', () => {
  const outputs = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(outputs, (values) => {
      const bytes = toBinary(LiteralMapSchema, create(LiteralMapSchema, toLiteralMap(values as JsonObject)));
      expect(fromLiteralMap(fromBinary(LiteralMapSchema, bytes))).toStrictEqual(values);
    }),
  );
});

test('no map is no inputs', () => {
  expect(fromLiteralMap(undefined)).toEqual({});
});
