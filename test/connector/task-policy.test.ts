import fc from 'fast-check';

import { DEFAULT_POLICY, parseDuration, parseTaskPolicy } from '../../src/connector';

test.each([undefined, null, {}])('%p is the default policy, which has no deadline', (value) => {
  expect(parseTaskPolicy(value)).toEqual(DEFAULT_POLICY);
  expect(DEFAULT_POLICY).toMatchObject({ queueMs: null, startMs: null, executionMs: null, overallMs: null });
});

test('each name of the task file sets its member, in milliseconds', () => {
  const given = {
    queueTimeout: '1m',
    startTimeout: '2m',
    executionTimeout: '1.5h',
    overallTimeout: '2d',
    pollMin: '1s',
    pollMax: 9_000,
    unreachableBudget: '500ms',
    maxAttempts: 5,
    onUnreachable: 'fail',
    onUnknown: 'retry',
    onGone: 'resubmit',
    quotaBudget: '6h',
    repairWindow: '30m',
    onFailure: { CLOUD_FAILURE: 'retry' },
    onExcluded: 'warn',
  };
  expect(parseTaskPolicy(given)).toEqual({
    queueMs: 60_000,
    startMs: 120_000,
    executionMs: 5_400_000,
    overallMs: 172_800_000,
    pollMinMs: 1_000,
    pollMaxMs: 9_000,
    unreachableBudgetMs: 500,
    maxAttempts: 5,
    onUnreachable: 'fail',
    onUnknown: 'retry',
    onGone: 'resubmit',
    quotaBudgetMs: 21_600_000,
    repairWindowMs: 1_800_000,
    failure: { onFailure: { CLOUD_FAILURE: 'retry' }, onExcluded: 'warn' },
  });
});

test.each([
  ['queueTimeout', 'soon'],
  ['queueTimeout', 0],
  ['queueTimeout', -1],
  ['queueTimeout', '0s'],
  ['queueTimeout', null],
  ['queueTimeout', '10 weeks'],
  ['maxAttempts', 0],
  ['maxAttempts', 1.5],
  ['maxAttempts', 101],
  ['maxAttempts', '3'],
  ['onUnreachable', 'hope'],
  ['onUnknown', true],
  ['onGone', 'retry'],
  ['pollMin', '10ms'],
  ['surprise', 1],
])('%s: %p is refused by name', (field, value) => {
  expect(() => parseTaskPolicy({ [field]: value })).toThrow(
    expect.objectContaining({ code: 'INVALID_TASK', field: `policy.${field}` }),
  );
});

test('pollMax below pollMin is refused', () => {
  expect(() => parseTaskPolicy({ pollMin: '10s', pollMax: '5s' })).toThrow('policy.pollMax');
});

test.each([[['a']], ['text'], [7]])('%p is no policy', (value) => {
  expect(() => parseTaskPolicy(value)).toThrow(expect.objectContaining({ field: 'policy' }));
});

test('every whole number of every unit is read as so many milliseconds', () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.constantFrom(...Object.entries(units)),
      (n, [unit, ms]) => {
        expect(parseDuration('x', `${n}${unit}`)).toBe(n * ms);
        expect(parseDuration('x', ` ${n} ${unit} `)).toBe(n * ms);
      },
    ),
  );
});
