import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkSealingKeys } from '../../src/cli/sealing-finding';
import { parseEnvironment } from '../../src/config/environment';
import { engineKeysFile, openEngineSealing } from '../../src/config/sealing-keys';

const folder = mkdtempSync(join(tmpdir(), 'lh-finding-'));
const file = join(folder, 'keys');
const configured = { TEMPORAL_ADDRESS: 'temporal:7233', LONGHAUL_HOME: folder };
const check = (env: Readonly<Record<string, string>>): unknown => checkSealingKeys(parseEnvironment(env));
const line = (id: string): string => `${id} ${randomBytes(32).toString('base64')}\n`;

describe('the doctor', () => {
  beforeEach(() => {
    writeFileSync(file, line('k2') + line('k1'), { mode: 0o600 });
    chmodSync(file, 0o600);
  });

  test('finds nothing wrong where no key is configured, and says who needs one', () => {
    expect(check(configured)).toMatchObject({ ok: true, says: expect.stringContaining('Flyte 2') });
  });

  test('names the key that seals and all that open', () => {
    expect(check({ ...configured, LONGHAUL_SEALING_KEYS_FILE: file })).toEqual({
      check: 'sealing keys',
      ok: true,
      says: `k2 seals; k2, k1 can open (${file})`,
    });
  });

  test.each([0o644, 0o640, 0o604, 0o620])('fails for a file of our own that others may use: %o', (mode) => {
    chmodSync(file, mode);
    expect(check({ ...configured, LONGHAUL_SEALING_KEYS_FILE: file })).toMatchObject({
      ok: false,
      says: expect.stringContaining(`mode ${mode.toString(8)}`),
      mend: expect.stringContaining(`chmod 600 ${file}`),
    });
  });

  test('fails for a file that cannot be read, with its line and the mend', () => {
    writeFileSync(file, 'k1 short');
    expect(check({ ...configured, LONGHAUL_SEALING_KEYS_FILE: file })).toMatchObject({
      ok: false,
      says: expect.stringContaining(`${file}, line 1`),
      mend: expect.stringContaining('openssl rand -base64 32'),
    });
  });

  test('looks at the engine’s own key where there is one, and makes none', () => {
    const env = { LONGHAUL_HOME: join(folder, 'home'), TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' };
    const says = /makes its own/;
    expect(check(env)).toMatchObject({ ok: true, says: expect.stringMatching(says) });
    expect(check(env)).toMatchObject({ ok: true, says: expect.stringMatching(says) });
    openEngineSealing(parseEnvironment(env)).digest({});
    const own = engineKeysFile(parseEnvironment(env));
    expect(check(env)).toMatchObject({
      ok: true,
      says: expect.stringMatching(/^engine-\w+ seals; engine-/),
    });
    chmodSync(own, 0o644);
    expect(check(env)).toMatchObject({ ok: false });
  });
});
