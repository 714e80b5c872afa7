import { createSecretPort } from '../../src/worker';

function open() {
  let tell: (value: string) => void = () => undefined;
  const secrets = createSecretPort({
    ...{ env: {}, allowed: [], operatorSecrets: ['operator-secret'] },
    onIssued: (learn) => {
      tell = learn;
    },
  });
  return { secrets, tell: (value: string) => tell(value) };
}

test('a token that a workspace was issued is redacted from then on, beside what was known before', () => {
  const { secrets, tell } = open();
  expect(secrets.redact('issued-token')).toBe('issued-token');
  tell('issued-token');
  expect(secrets.redact({ log: 'a issued-token b operator-secret' })).toEqual({
    log: 'a [redacted] b [redacted]',
  });
});

test('months of hourly tokens are not kept: the latest are, and what the operator configured', () => {
  const { secrets, tell } = open();
  for (let hour = 0; hour < 100; hour += 1) tell(`token-of-hour-${hour}-`);
  expect(secrets.redact('token-of-hour-99- token-of-hour-0- operator-secret')).toBe(
    '[redacted] token-of-hour-0- [redacted]',
  );
});
