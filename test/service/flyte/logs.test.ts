import fc from 'fast-check';
import { toLogPortions, toLogsQuery } from '../../../src/service/flyte/logs';

test.each([
  [{ lines: 0n, token: '' }, {}],
  [
    { lines: 100n, token: '2.0.1' },
    { limit: 100, pageToken: '2.0.1' },
  ],
  [{ lines: 2n ** 64n - 1n, token: '' }, { limit: Number.MAX_SAFE_INTEGER }],
])('%p asks for %p', (request, query) => {
  expect(toLogsQuery(request)).toEqual(query);
});

test('no portion is larger than allowed, none is empty, and together they are the text', () => {
  const line = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), fc.integer({ min: 64, max: 1_000 }), (lines, maxBytes) => {
      const portions = toLogPortions({ lines, truncated: false }, maxBytes);
      const sizes = portions.map((portion) =>
        Buffer.byteLength(portion.map(({ message }) => message).join('')),
      );
      expect(Math.max(...sizes)).toBeLessThanOrEqual(maxBytes);
      expect(portions.every((portion) => portion.length > 0)).toBe(true);
      const text = portions.flat().map(({ message }) => message);
      expect(text.join('')).toBe(lines.join(''));
    }),
  );
});

test('a long line is cut, and never within a character', () => {
  const [portion = []] = toLogPortions({ lines: ['😀'.repeat(100)], truncated: false }, 65);
  expect(portion).toEqual([{ message: '😀'.repeat(5), originator: 'USER' }]);
});

test('a page kept in part says so in a first line of the system', () => {
  const portions = toLogPortions({ lines: ['last'], truncated: true }, 1_000);
  expect(portions).toEqual([
    [
      { message: 'Longhaul: the other side kept only a part of these logs.', originator: 'SYSTEM' },
      { message: 'last', originator: 'USER' },
    ],
  ]);
});

test('an empty page is one empty portion', () => {
  expect(toLogPortions({ lines: [], truncated: false }, 1_000)).toEqual([[]]);
});
