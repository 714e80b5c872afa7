import fc from 'fast-check';

import {
  createBackoff,
  createBucket,
  createWindow,
  DEFAULT_BUDGET,
  shareOf,
  toBudget,
} from '../../../src/connectors/databricks/databricks-budget';
import { createLookLoad } from '../../../src/connectors/databricks/databricks-looks';

const WINDOW_MS = 10_000;
const rate = fc.double({ min: 1, max: 100, noNaN: true });
/** Pauses between requests as callers would like them, mostly none: a crowd. */
const wishes = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000 })), {
  minLength: 50,
  maxLength: 600,
});

/** When each request goes, if all go as soon as the bucket lets them; `holds` pauses it in between. */
function departures(perSecond: number, pauses: readonly number[], holdEvery = Infinity): number[] {
  const bucket = createBucket(perSecond);
  let now = 1_000;
  return pauses.map((pauseMs, index) => {
    now = Math.max(now + pauseMs, bucket.nextAt);
    bucket.take(now);
    if (index % holdEvery === holdEvery - 1) bucket.hold(now + 3_000);
    return now;
  });
}

function busiest(times: readonly number[], windowMs = WINDOW_MS): number {
  return Math.max(...times.map((end) => times.filter((at) => at <= end && at > end - windowMs).length));
}

describe('the token bucket', () => {
  test('lets at most 105 % of its rate, or one more, through any ten seconds', () => {
    fc.assert(
      fc.property(rate, wishes, (perSecond, pauses) => {
        const most = perSecond * (WINDOW_MS / 1000) + Math.max(1, perSecond * 0.5);
        expect(busiest(departures(perSecond, pauses))).toBeLessThanOrEqual(Math.floor(most + 1e-6));
      }),
      { numRuns: 60 },
    );
  });

  test('keeps to its rate after each pause too: nothing is caught up', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 2, max: 20 }), (perSecond, holdEvery) => {
        const times = departures(
          perSecond,
          Array.from({ length: 200 }, () => 0),
          holdEvery,
        );
        const afterHold = times.filter((_, index) => index >= holdEvery && index % holdEvery === 1);
        for (const at of afterHold) {
          const before = times[times.indexOf(at) - 1] ?? 0;
          expect(at - before).toBeGreaterThanOrEqual(1000 / perSecond - 1e-6);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('holds nobody up while there is room', () => {
    const bucket = createBucket(10);
    const gone = [0, 1, 2, 3, 4].map(() => {
      const { nextAt } = bucket;
      bucket.take(0);
      return nextAt <= 0;
    });
    expect(gone).toEqual([true, true, true, true, true]);
    expect(bucket.nextAt).toBe(100);
  });
});

describe('the window', () => {
  test('lets the other side count 110 % in any ten seconds at most, however unevenly requests arrive', () => {
    const delays = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 5_000 })),
      {
        minLength: 100,
        maxLength: 300,
      },
    );
    fc.assert(
      fc.property(fc.double({ min: 1, max: 10, noNaN: true }), delays, (perSecond, each) => {
        const counted = countedTimes(perSecond, each);
        expect(busiest(counted)).toBeLessThanOrEqual(Math.floor(perSecond * 11));
      }),
      { numRuns: 60 },
    );
  });
});

/** A crowd through bucket and window; each request is counted after its first delay and answered after both. */
function countedTimes(perSecond: number, delays: readonly (readonly [number, number])[]): number[] {
  const [bucket, window] = [createBucket(perSecond), createWindow(perSecond)];
  const answers: { sentAt: number; at: number }[] = [];
  let now = 1_000;
  return delays.map(([toCount, toAnswer]) => {
    const wish = (): number => Math.max(now, bucket.nextAt, window.nextAt(now));
    for (let due = soonest(answers); due !== undefined && due.at <= wish(); due = soonest(answers)) {
      now = Math.max(now, due.at);
      window.answered(due.sentAt, due.at);
      answers.splice(answers.indexOf(due), 1);
    }
    now = wish();
    bucket.take(now);
    window.take(now);
    answers.push({ sentAt: now, at: now + toCount + toAnswer });
    return now + toCount;
  });
}

function soonest<T extends { readonly at: number }>(answers: readonly T[]): T | undefined {
  return [...answers].sort((a, b) => a.at - b.at)[0];
}

describe('the limits of a workspace', () => {
  test('default to 20 requests and 10 starts a second', () => {
    expect(toBudget()).toEqual(DEFAULT_BUDGET);
    expect(DEFAULT_BUDGET).toEqual({ requestsPerSecond: 20, submitsPerSecond: 10 });
  });

  test('leave half of a small budget to everything but starts', () => {
    expect(toBudget({ requestsPerSecond: 4 })).toEqual({ requestsPerSecond: 4, submitsPerSecond: 2 });
    expect(toBudget({ requestsPerSecond: 4, submitsPerSecond: 9 })).toEqual({
      requestsPerSecond: 4,
      submitsPerSecond: 4,
    });
  });

  test('are shared evenly by the processes', () => {
    expect(shareOf(DEFAULT_BUDGET, 4)).toEqual({ requestsPerSecond: 5, submitsPerSecond: 2.5 });
  });
});

describe('a refusal', () => {
  const backoff = () => createBackoff(() => 0);

  test('without a date pauses for 5, 10, 20 … seconds, a minute at most', () => {
    const { refused } = backoff();
    const pauses = [0, 1, 2, 3, 4, 5].map((now) => refused({ now, sentAt: now }) - now);
    expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });

  test('of many requests that were sent together counts once', () => {
    const { refused } = backoff();
    expect(refused({ now: 100, sentAt: 50 }) - 100).toBe(5_000);
    expect(refused({ now: 110, sentAt: 60 }) - 110).toBe(5_000);
  });

  test('is forgotten as soon as a later request is accepted', () => {
    const { refused, accepted } = backoff();
    refused({ now: 0, sentAt: 0 });
    refused({ now: 10_000, sentAt: 9_000 });
    accepted(20_000);
    expect(refused({ now: 30_000, sentAt: 29_000 }) - 30_000).toBe(5_000);
  });

  test('with a date is honored, never undercut, and believed for two minutes at most', () => {
    expect(backoff().refused({ now: 0, sentAt: 0, wishedMs: 7_000 })).toBe(7_000);
    expect(createBackoff(() => 0.99).refused({ now: 0, sentAt: 0, wishedMs: 7_000 })).toBeGreaterThan(7_000);
    expect(backoff().refused({ now: 0, sentAt: 0, wishedMs: 86_400_000 })).toBe(120_000);
  });
});

describe('the looks at all open runs together', () => {
  test('stay within 70 % of the budget, however many runs and pages there are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 10 }), (runs, requests) => {
        const looks = createLookLoad(10, () => 0);
        const ids = Array.from({ length: runs }, (_, index) => String(index));
        const pauses = ids.map((runId) => looks.pauseAfter({ runId, requests }));
        const perSecond = (runs * requests) / ((pauses.at(-1) ?? 0) / 1000);
        expect(perSecond).toBeLessThanOrEqual(7);
      }),
      { numRuns: 30 },
    );
  });

  test('are paced by the runs that are still open', () => {
    let now = 0;
    const looks = createLookLoad(10, () => now);
    for (let run = 0; run < 700; run += 1) looks.pauseAfter({ runId: String(run), requests: 1 });
    expect(looks.pauseAfter({ runId: '0', requests: 1 })).toBe(100_000);
    for (let run = 1; run < 350; run += 1) looks.ended(String(run));
    expect(looks.pauseAfter({ runId: '0', requests: 1 })).toBe(Math.ceil((351 / 7) * 1000));
    now = 16 * 60_000;
    expect(looks.pauseAfter({ runId: '0', requests: 1 })).toBeLessThan(1_000);
  });
});
