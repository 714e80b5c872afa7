import { create, fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/connector';
import { fromInputs, toOutputs } from '../../../src/service/flyte2/literals';
import { InputsSchema, OutputsSchema } from '../../../src/service/generated/flyteidl2/task/common_pb';
import { readFixtureBytes, readFixtureJson } from '../flyte/fixtures';

test('every type that flyte 2 writes becomes plain JSON', () => {
  const inputs = fromBinary(InputsSchema, readFixtureBytes('literals-v2-inputs.pb.b64'));
  expect(fromInputs(inputs)).toStrictEqual({
    i: 5,
    f: 1.5,
    s: 'text',
    b: true,
    big: '1152921504606846976',
    l: [1, 2],
    m: { k: 'v' },
    dt: '2026-01-02T03:04:05Z',
    td: '300s',
    dc: { tag: 'msgpack', base64: 'gqFhAaFikaF4' },
    opt: null,
  });
});

test('outputs are what flyte 2 itself writes', () => {
  const outputs = create(OutputsSchema, toOutputs({ o0: 1.5, o1: 't' }));
  expect(outputs).toEqual(fromJson(OutputsSchema, readFixtureJson('literals-v2-outputs.json')));
});

test('plain outputs come back as they went, whatever their names', () => {
  const outputs = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(outputs, (values) => {
      const bytes = toBinary(OutputsSchema, create(OutputsSchema, toOutputs(values as JsonObject)));
      expect(fromInputs(fromBinary(InputsSchema, bytes))).toStrictEqual(values);
    }),
  );
});

test('of two inputs with one name the last one counts, one without a value is null, no inputs are none', () => {
  const [one, two] = [toOutputs({ a: 1 }).literals, toOutputs({ a: 2 }).literals];
  const inputs = create(InputsSchema, { literals: [...one, ...two, { name: 'b' }] });
  expect(fromInputs(inputs)).toEqual({ a: 2, b: null });
  expect(fromInputs(undefined)).toEqual({});
});
