import { parseTrouble, type SimulatedTrouble } from '../../src/cli/simulated-trouble';

const USUAL: SimulatedTrouble = {
  ...{
    tokenLifetime: 3600,
    tokenSkew: 0,
    expiredAs: '401',
    federation: [],
    secret: [],
    webhook: [],
    fault: [],
  },
  ...{ rateRetryAfter: 'seconds', rateCode: 'REQUEST_LIMIT_EXCEEDED' },
};

test('a rate is for all operations, for some, or both', () => {
  expect(parseTrouble({ ...USUAL, rate: '20' })).toMatchObject({ ratePerSecond: 20, rates: {} });
  expect(parseTrouble({ ...USUAL, rate: 'submit=5,runs-list=0' }).rates).toEqual({
    submit: 5,
    'runs-list': 0,
  });
  expect(parseTrouble({ ...USUAL, rate: '20, get=10' })).toMatchObject({
    ratePerSecond: 20,
    rates: { get: 10 },
  });
});

test('values may hold the characters that part them from their names', () => {
  const { secrets, webhooks } = parseTrouble({
    ...USUAL,
    secret: ['ops/token=a=b/c'],
    webhook: ['hook=http://127.0.0.1:1/x?y=z'],
  });
  expect(secrets).toEqual([{ scope: 'ops', key: 'token', value: 'a=b/c' }]);
  expect(webhooks).toEqual([{ id: 'hook', url: 'http://127.0.0.1:1/x?y=z' }]);
});

test('an issuer and an audience make a federation policy', () => {
  expect(parseTrouble({ ...USUAL, federation: ['https://idp,databricks'] }).federation).toEqual([
    { issuer: 'https://idp', audience: 'databricks' },
  ]);
});

test.each<[string, Partial<SimulatedTrouble>]>([
  ['--rate', { rate: 'submit:5' }],
  ['SCOPE/KEY=VALUE', { secret: ['token'] }],
  ['--webhook', { webhook: ['hook'] }],
  ['--federation', { federation: ['https://idp'] }],
  ['key file', { federation: ['https://idp,databricks,/nowhere.pem'] }],
])('what cannot be read is refused, naming %s', (words, wrong) => {
  expect(() => parseTrouble({ ...USUAL, ...wrong })).toThrow(words);
});

test('a secret is not repeated in the words that refuse it', () => {
  expect(() => parseTrouble({ ...USUAL, secret: ['hunter2'] })).not.toThrow('hunter2');
});
