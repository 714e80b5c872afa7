import fc from 'fast-check';

import { pollDelayMs, troubleDelayMs } from '../../activities/poll-delay';

const DAY_MS = 86_400_000;
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const ageMs = fc.integer({ min: 0, max: 30 * DAY_MS });
const bounds = fc
  .tuple(fc.integer({ min: 1_000, max: 60_000 }), fc.integer({ min: 0, max: 600_000 }))
  .map(([minMs, more]) => ({ minMs, maxMs: minMs + more }));

const MIDDLE = { minMs: 2_000, maxMs: 60_000, random: 0.5 };

test('a young job is looked at soon, an old one once a minute', () => {
  const delays = [0, 60_000, 300_000, DAY_MS].map((age) => pollDelayMs({ ...MIDDLE, ageMs: age }));
  expect(delays).toEqual([2_000, 6_000, 30_000, 60_000]);
});

test('the pause stays within 20 % of its bounds and never below a second', () => {
  fc.assert(
    fc.property(bounds, ageMs, random, (limits, age, chance) => {
      const delay = pollDelayMs({ ...limits, ageMs: age, random: chance });
      expect(delay).toBeGreaterThanOrEqual(Math.max(1_000, Math.floor(limits.minMs * 0.8)));
      expect(delay).toBeLessThanOrEqual(Math.ceil(limits.maxMs * 1.2));
    }),
  );
});

test('the wish of the provider is never undercut', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 3_600_000 }), ageMs, random, (wishedMs, age, chance) => {
      const delay = pollDelayMs({ minMs: 2_000, maxMs: 60_000, ageMs: age, random: chance, wishedMs });
      expect(delay).toBeGreaterThanOrEqual(wishedMs);
      expect(troubleDelayMs(3, wishedMs, chance)).toBeGreaterThanOrEqual(wishedMs);
    }),
  );
});

test('a shared budget lengthens a pause and shortens none', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 600_000 }), ageMs, random, (atLeastMs, age, chance) => {
      const own = pollDelayMs({ ...MIDDLE, ageMs: age, random: chance });
      const delay = pollDelayMs({ ...MIDDLE, ageMs: age, random: chance, atLeastMs });
      expect(delay).toBeGreaterThanOrEqual(Math.max(own, atLeastMs));
    }),
  );
});

test('no pause reaches beyond the deadline, except for the shortest one', () => {
  fc.assert(
    fc.property(fc.integer({ min: -10_000, max: DAY_MS }), ageMs, random, (leftMs, age, chance) => {
      const delay = pollDelayMs({ minMs: 2_000, maxMs: 60_000, ageMs: age, random: chance, leftMs });
      expect(delay === 1_000 || delay <= leftMs - 2_000).toBe(true);
    }),
  );
});

test('trouble is asked about after 2, 4, 8 … and at last every 30 seconds', () => {
  const delays = [1, 2, 3, 4, 5, 100].map((failures) => troubleDelayMs(failures, undefined, 0));
  expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});
