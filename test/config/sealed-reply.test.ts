import { createReplyBox, sealerFor } from '../../src/config/sealed-reply';

test('an answer is read by the one who asked, and holds nothing readable on its way', () => {
  const box = createReplyBox();
  const answer = { dbt: { artifactsLink: 'https://example.invalid/?sig=open-sesame' } };
  const sealed = sealerFor(box.publicKey)(answer);
  expect(Buffer.from(sealed, 'base64url').toString('latin1') + sealed).not.toContain('open-sesame');
  expect(box.open(sealed)).toEqual(answer);
});

test('nobody else opens it, and a changed one does not open at all', () => {
  const box = createReplyBox();
  const sealed = sealerFor(box.publicKey)('secret');
  expect(() => createReplyBox().open(sealed)).toThrow(expect.objectContaining({ code: 'INTERNAL' }) as Error);
  const flipped = sealed.endsWith('A') ? `${sealed.slice(0, -3)}BBB` : `${sealed.slice(0, -3)}AAA`;
  expect(() => box.open(flipped)).toThrow(expect.objectContaining({ code: 'INTERNAL' }) as Error);
  expect(() => box.open('')).toThrow(expect.objectContaining({ code: 'INTERNAL' }) as Error);
});

test('two answers of the same words look different', () => {
  const seal = sealerFor(createReplyBox().publicKey);
  expect(seal('same')).not.toBe(seal('same'));
});

test.each(['', 'no key', 'MCowBQYDK2VuAyEA'])('%j is refused as a key', (key) => {
  expect(() => sealerFor(key)).toThrow(expect.objectContaining({ code: 'INVALID_TASK' }) as Error);
});
