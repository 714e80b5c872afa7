import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTemporalBinary, type TemporalBinary } from '../../src/temporal/temporal-binary';
import { temporaryHome, testBinary } from './support';

function fakeCli(version: string): string {
  const folder = temporaryHome();
  const file = join(folder, 'temporal');
  writeFileSync(file, `#!/bin/sh\necho "temporal version ${version} (Server 1.20.0, UI 2.0.0)"\n`);
  chmodSync(file, 0o755);
  return file;
}

async function find(
  env: Record<string, string>,
  home = temporaryHome(),
): Promise<[TemporalBinary, string[]]> {
  const said: string[] = [];
  const binary = await findTemporalBinary({ env, home, report: (message) => said.push(message) });
  return [binary, said];
}

describe('the Temporal binary', () => {
  test('TEMPORAL_CLI_PATH comes first, and it is said once', async () => {
    const path = fakeCli('1.10.0');
    const [binary, said] = await find({ TEMPORAL_CLI_PATH: path, PATH: join(fakeCli('1.11.0'), '..') });
    expect(binary).toEqual({ path, version: '1.10.0', serverVersion: '1.20.0' });
    expect(said).toEqual([`Temporal CLI 1.10.0 (server 1.20.0): ${path}, named by TEMPORAL_CLI_PATH`]);
  });

  test('a TEMPORAL_CLI_PATH that does not run is said and passed over for PATH', async () => {
    const path = fakeCli('1.10.0');
    const [binary, said] = await find({
      TEMPORAL_CLI_PATH: '/nowhere/temporal',
      PATH: `/nowhere:${join(path, '..')}`,
    });
    expect(binary.path).toBe(path);
    expect(said[0]).toContain('TEMPORAL_CLI_PATH is passed over: /nowhere/temporal: not found');
  });

  test('a temporal on PATH below 1.9 is passed over for the next one there', async () => {
    const [old, recent] = [fakeCli('1.8.9'), fakeCli('1.9.0')];
    const [binary, said] = await find({ PATH: `${join(old, '..')}:${join(recent, '..')}` });
    expect(binary.path).toBe(recent);
    expect(said[0]).toContain('1.8.9 is too old');
  });

  test('with nothing installed it is fetched, by two at once, whole, and found again without fetching', async () => {
    const home = temporaryHome();
    const [[one], [other]] = await Promise.all([find({}, home), find({}, home)]);
    expect(one).toEqual(other);
    expect(one).toEqual({
      path: join(home, 'bin', 'temporal-1.9.1'),
      version: '1.9.1',
      serverVersion: '1.32.0',
    });
    expect(readdirSync(join(home, 'bin'))).toEqual(['temporal-1.9.1']);
    const [again, said] = await find({}, home);
    expect(again).toEqual(one);
    expect(said).toEqual([expect.stringContaining('fetched earlier')]);
  }, 180_000);

  test('a broken earlier fetch is fetched anew, not trusted', async () => {
    const home = temporaryHome();
    mkdirSync(join(home, 'bin'));
    symlinkSync('/bin/true', join(home, 'bin', 'temporal-1.9.1'));
    const [binary] = await find({}, home);
    expect(binary.version).toBe('1.9.1');
  }, 180_000);

  test('the binary of these tests runs', async () => {
    expect((await testBinary()).serverVersion).toMatch(/^1\.\d+\.\d+/);
  }, 180_000);
});
