import { randomBytes } from 'node:crypto';
import { createSealing } from '../../src/config/sealing';
import { createSecretPort, type SecretPortOptions } from '../../src/worker/secret-port';

const sealing = createSealing([{ id: 'k1', key: randomBytes(32) }]);
const port = (more: Partial<SecretPortOptions> = {}): ReturnType<typeof createSecretPort> =>
  createSecretPort({ env: {}, allowed: [], operatorSecrets: [], sealing, ...more });

describe('a sealed secret at the worker', () => {
  test('opens for its task, and is redacted from then on', async () => {
    const { open, redact } = port();
    const text = 'it said dapi-canary';
    await expect(open(sealing.seal('dapi-canary', 'task-1'), 'task-1')).resolves.toBe('dapi-canary');
    expect(redact({ message: text, meta: { runId: '1' } })).toEqual({
      message: 'it said [redacted]',
      meta: { runId: '1' },
    });
  });

  test('that does not open is a rejection with SECRET_UNAVAILABLE: of another task, and without keys', async () => {
    const reference = sealing.seal('dapi-canary', 'task-1');
    const unavailable = { code: 'SECRET_UNAVAILABLE' };
    await expect(async () => port().open(reference, 'task-2')).rejects.toMatchObject(unavailable);
    const keyless = port({ sealing: undefined });
    await expect(async () => keyless.open(reference, 'task-1')).rejects.toMatchObject({
      ...unavailable,
      advice: expect.stringContaining('LONGHAUL_SEALING_KEYS_FILE'),
    });
  });
});
