import fc from 'fast-check';
import type { JsonObject } from '../../../src/connector';
import { toStruct } from '../../../src/service/flyte/struct';

test('a struct says what the JSON says', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (value) => {
      expect(toStruct(value as JsonObject)).toStrictEqual(value);
    }),
  );
});

test('a number that JSON cannot say is null: the reply must be sent', () => {
  expect(toStruct({ a: NaN, b: [Infinity] })).toEqual({ a: null, b: [null] });
});
