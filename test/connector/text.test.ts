import { shorten } from '../../src/connector/text';

test.each([
  ['abc', 3, 'abc'],
  ['abcd', 3, 'ab…'],
  ['abcd', 1, '…'],
  ['abcd', 0, ''],
  ['a🙂cd', 3, 'a…'],
  ['abcd', Number.POSITIVE_INFINITY, 'abcd'],
])('%j within %p characters is %j, the ellipsis included and no character halved', (text, limit, short) => {
  expect(shorten(text, limit)).toBe(short);
});
