import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnvironment, type LonghaulConfig } from '../../src/config/environment';
import {
  engineKeysFile,
  loadSealing,
  openEngineSealing,
  openSealing,
  parseSealingKeys,
} from '../../src/config/sealing-keys';
import { runTypeScriptChild } from '../support/run-typescript-child';

const base64 = (bytes = 32): string => randomBytes(bytes).toString('base64');
const folder = (): string => mkdtempSync(join(tmpdir(), 'lh-sealing-'));
const config = (env: Readonly<Record<string, string>>): LonghaulConfig =>
  parseEnvironment({ HOME: '/home/ada', TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml', ...env });

function keysFile(...lines: readonly string[]): string {
  const file = join(folder(), 'keys');
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  return file;
}

describe('a file of keys', () => {
  test('holds one key a line, the first one first; comments and blank lines are passed over', () => {
    const [a, b] = [base64(), base64()];
    const keys = parseSealingKeys(`# of May\r\n\n  k2  ${a}\r\nk_1-x\t${b.replace('=', '')}\n`, 'f');
    expect(keys.map(({ id, key }) => [id, key.toString('base64')])).toEqual([
      ['k2', a],
      ['k_1-x', b],
    ]);
  });

  const twice = base64();
  test.each([
    ['a key without id', base64(), /line 2: must be an id, a space and a key/],
    ['three words', `k1 ${base64()} x`, /line 2: must be an id/],
    ['id and key changed over', `${base64()} k1`, /line 2: the id must be/],
    ['a short text and id changed over', 'c2VjcmV0 k1', /line 2: the key must be 32 bytes long and is 1\./],
    ['an id that is too long', `${'x'.repeat(33)} ${base64()}`, /line 2: the id must be/],
    ['an id with a colon', `a:b ${base64()}`, /line 2: the id must be/],
    ['no base64', 'k1 not*base64', /line 2: the key is not base64/],
    ['too few bytes', `k1 ${base64(31)}`, /line 2: the key must be 32 bytes long and is 31/],
    ['too many bytes', `k1 ${base64(33)}`, /line 2: the key must be 32 bytes long and is 33/],
    ['an id twice', `k1 ${base64()}\nk1 ${base64()}`, /line 3: the id k1 is there already/],
    ['a key twice', `k1 ${twice}\nk2 ${twice}`, /line 3: the key of k2 is that of k1 again/],
    ['nothing but comments', '# none', /keys file holds no key|holds no key/],
  ])('is refused for %s, by file and line and without the key', (_, lines, message) => {
    const parse = (): unknown => parseSealingKeys(`# first line\n${lines}`, '/etc/keys');
    const fields = { code: 'CONFIG', field: 'LONGHAUL_SEALING_KEYS_FILE' };
    expect(parse).toThrow(expect.objectContaining({ ...fields, message: expect.stringMatching(message) }));
    expect(parse).toThrow(/\/etc\/keys/);
    const words = lines.split(/\s+/).filter((word) => word.length > 5);
    expect(parse).not.toThrow(new RegExp(words.map((word) => word.replace(/\W/g, '\\$&')).join('|') || '^$'));
  });

  test('that is missing is a CONFIG error at the start, not with the first task', () => {
    const missing = config({ LONGHAUL_SEALING_KEYS_FILE: '/nowhere/keys' });
    expect(() => loadSealing(missing)).toThrow(/\/nowhere\/keys does not exist/);
    expect(() => loadSealing(config({ LONGHAUL_SEALING_KEYS_FILE: tmpdir() }))).toThrow(/cannot be read/);
  });

  test('is found relative to the folder of the command, and by ~', () => {
    expect(config({ LONGHAUL_SEALING_KEYS_FILE: 'k' }).sealingKeysFile).toBe(join(process.cwd(), 'k'));
    expect(config({ LONGHAUL_SEALING_KEYS_FILE: '~/k' }).sealingKeysFile).toBe('/home/ada/k');
    expect(config({ LONGHAUL_SEALING_KEYS_FILE: '' }).sealingKeysFile).toBeUndefined();
  });

  test('that changes is taken up at the next use, one that is broken leaves the keys as they were', () => {
    const [k1, k2] = [`k1 ${base64()}`, `k2 ${base64()}`];
    const file = keysFile(k1);
    const sealing = loadSealing(config({ LONGHAUL_SEALING_KEYS_FILE: file }));
    const before = sealing?.seal('v', 't') ?? '';
    renameSync(keysFile(k2, k1), file);
    expect(sealing?.seal('v', 't')).toMatch(/^sealed:k2:/);
    expect(sealing?.open(before, 't')).toBe('v');
    writeFileSync(file, 'k2 half-writ');
    expect(sealing?.seal('v', 't')).toMatch(/^sealed:k2:/);
    rmSync(file);
    expect(sealing?.open(before, 't')).toBe('v');
    renameSync(keysFile(k1), file);
    expect(sealing?.seal('v', 't')).toMatch(/^sealed:k1:/);
  });
});

describe('without a file of keys', () => {
  test('a real installation seals nothing', () => {
    const real = config({ TEMPORAL_ADDRESS: 'temporal:7233', LONGHAUL_HOME: folder() });
    expect(openSealing(real)).toBeUndefined();
    expect(loadSealing(config({}))).toBeUndefined();
  });

  test('the engine makes a key of its own at the first use, whole and for its owner alone', () => {
    const embedded = config({ LONGHAUL_HOME: join(folder(), 'new') });
    const file = engineKeysFile(embedded);
    const sealing = openSealing(embedded);
    expect(() => statSync(file)).toThrow();
    const reference = sealing?.seal('v', 't') ?? '';
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(embedded.home)).toEqual(['sealing.keys']);
    expect(openEngineSealing(embedded).open(reference, 't')).toBe('v');
  });

  test('processes that begin at the same time make one key', async () => {
    const home = folder();
    const child = join(__dirname, 'children/sealing-child.ts');
    const children = Array.from({ length: 4 }, () => runTypeScriptChild(child, { args: [home] }));
    const references = await Promise.all(
      children.map(({ line }) => line((text) => text.startsWith('sealed:'))),
    );
    const sealing = openEngineSealing(config({ LONGHAUL_HOME: home }));
    expect(references.map((reference) => sealing.open(reference, 't'))).toEqual(['v', 'v', 'v', 'v']);
    expect(readdirSync(home)).toEqual(['sealing.keys']);
  });

  test('a file that is named wins over the engine’s own', () => {
    const file = keysFile(`named ${base64()}`);
    const embedded = config({ LONGHAUL_HOME: folder(), LONGHAUL_SEALING_KEYS_FILE: file });
    expect(openSealing(embedded)?.seal('v', 't')).toMatch(/^sealed:named:/);
    expect(readdirSync(embedded.home)).toEqual([]);
    expect(readFileSync(file, 'utf8')).toMatch(/^named /);
  });
});
