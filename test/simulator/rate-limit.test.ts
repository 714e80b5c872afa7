import { createRateLimit, type RateOptions } from '../../src/simulator/rate-limit';
import { closeSimulators, get, simulate } from './workspace-client';

afterEach(closeSimulators);

const NOW = Date.UTC(2026, 0, 1, 0, 0, 0, 500);

/** What comes of one request after another, each by its operation and the ms it comes later than the first. */
function results(options: RateOptions, requests: readonly (readonly [string, number])[]): string[] {
  const limit = createRateLimit(options);
  return requests.map(([operation, ms]) => {
    try {
      limit(operation, NOW + ms);
      return 'passed';
    } catch (error) {
      const { code, retryAfter } = error as { code: string; retryAfter?: string };
      return `${code} ${String(retryAfter)}`;
    }
  });
}

test('a refused request does not count against the next second', () => {
  const requests = [0, 900, 999, 1000].map((ms) => ['get', ms] as const);
  const [, , third, fourth] = results({ ratePerSecond: 2 }, requests);
  expect([third, fourth]).toEqual(['REQUEST_LIMIT_EXCEEDED 1', 'passed']);
});

test('each operation may have a limit of its own', () => {
  const requests = [
    ['submit', 0],
    ['submit', 1],
    ['get', 2],
    ['get', 3],
  ] as const;
  expect(results({ rates: { submit: 1 } }, requests)).toEqual([
    ...['passed', 'REQUEST_LIMIT_EXCEEDED 1', 'passed', 'passed'],
  ]);
});

test.each([
  ['seconds', '1'],
  ['date', 'Thu, 01 Jan 2026 00:00:02 GMT'],
  ['none', 'undefined'],
] as const)('Retry-After comes as %s', (rateRetryAfter, text) => {
  expect(results({ ratePerSecond: 0, rateRetryAfter }, [['get', 0]])).toEqual([
    `REQUEST_LIMIT_EXCEEDED ${text}`,
  ]);
});

test('the answer is a 429 with the code that was asked for', async () => {
  const simulator = await simulate({
    rates: { list: 0 },
    rateCode: 'RESOURCE_EXHAUSTED',
    rateRetryAfter: 'none',
  });
  const { status, headers, body } = await get(simulator.url, 'runs/list', {});
  expect({ status, code: body.error_code }).toEqual({ status: 429, code: 'RESOURCE_EXHAUSTED' });
  expect(headers).not.toHaveProperty('retry-after');
  expect((await get(simulator.url, 'list', {})).status).toBe(200);
});
