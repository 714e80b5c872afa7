import fc from 'fast-check';

import {
  assertSecretsAllowed,
  findSecretReferences,
  isSecretReference,
  resolveSecretReferences,
  type JsonValue,
} from '../../src/connector';

const SPEC = { a: { $secret: 'env:A' }, b: [1, { c: { $secret: 'file:/c' } }], d: 'plain' };

test('references are found with the path of their field', () => {
  expect(findSecretReferences(SPEC)).toEqual([
    { field: 'a', reference: 'env:A' },
    { field: 'b[1].c', reference: 'file:/c' },
  ]);
});

test('an object with further members is no reference', () => {
  expect(isSecretReference({ $secret: 'env:A', more: 1 })).toBe(false);
  expect(isSecretReference({ $secret: 7 })).toBe(false);
});

test('each reference is replaced, everything else is left as it is', async () => {
  const resolved = await resolveSecretReferences(SPEC, (reference) => Promise.resolve(`<${reference}>`));
  expect(resolved).toEqual({ a: '<env:A>', b: [1, { c: '<file:/c>' }], d: 'plain' });
});

test('only what the operator lists may be named, exactly or by its beginning', () => {
  const spec = { password: { $secret: 'env:LONGHAUL_SECRET_DB' } };
  const refused = expect.objectContaining({ code: 'PERMISSION_DENIED', field: 'password' });
  expect(() => assertSecretsAllowed(spec, [])).toThrow(refused);
  expect(() => assertSecretsAllowed(spec, ['env:LONGHAUL_SECRET'])).toThrow(refused);
  expect(() => assertSecretsAllowed(spec, ['file:*'])).toThrow(refused);
  expect(() => assertSecretsAllowed(spec, ['env:LONGHAUL_SECRET_*'])).not.toThrow();
  expect(() => assertSecretsAllowed(spec, ['env:LONGHAUL_SECRET_DB'])).not.toThrow();
});

test('no reference survives resolving, however deep it stands', async () => {
  const reference = fc.string().map((name) => ({ $secret: `env:${name}` }));
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      reference,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4 }),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(tree, async (value) => {
      const resolved = await resolveSecretReferences(value, () => Promise.resolve('value'));
      expect(findSecretReferences(resolved)).toEqual([]);
    }),
  );
});
