import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createPythonStandIn, type PythonStandIn } from '../support/python-stand-in';
import {
  findAirflowEnvironment,
  openAirflowEnvironment,
  pythonPackageFolder,
  type AirflowEnvironment,
} from '../../src/worker/airflow-environment';

let folder: string;
let said: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lh-airflow-env-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const standIn = (given: PythonStandIn = {}): Record<string, string> => createPythonStandIn(folder, given);

const home = (): string => join(folder, 'home');
const installed = (): string[] => readFileSync(join(folder, 'installed'), 'utf8').trim().split('\n');

function open(env: Record<string, string>, extra: readonly string[] = []): Promise<AirflowEnvironment> {
  return openAirflowEnvironment({ major: 3, home: home(), env, extra, report: (line) => said.push(line) });
}

describe('the Python environment of Airflow', () => {
  test('is made once, says so, and is kept', async () => {
    const env = standIn();
    expect(await findAirflowEnvironment({ major: 3, home: home(), env })).toBeUndefined();
    const made = await open(env);
    expect(made).toMatchObject({
      major: 3,
      pythonVersion: '3.12.1',
      python: join(made.folder, 'bin/python'),
    });
    expect(made.folder).toMatch(/home\/airflow3-[0-9a-f]{12}$/);
    expect(said[0]).toMatch(/^Making the Python environment for Airflow 3 \(once, about a minute\)/);
    said = [];
    expect(await open(env)).toEqual(made);
    expect(await findAirflowEnvironment({ major: 3, home: home(), env })).toEqual(made);
    expect(said).toEqual([]);
    expect(installed()).toHaveLength(1);
  });

  test('holds only what is locked by hash, byte-compiled; the tool that fetched it is gone', async () => {
    const made = await open(standIn());
    const lock = join(pythonPackageFolder(), 'requirements/airflow3.txt');
    expect(installed()).toEqual([
      expect.stringMatching(
        /^uv pip install .*--compile-bytecode .*--require-hashes --only-binary :all: -r /,
      ),
    ]);
    expect(installed()[0]).toContain(lock);
    expect(readdirSync(made.folder)).toEqual(['bin']);
  });

  test('has a name of its own with more packages in it, and with another Python', async () => {
    const folders = [
      await open(standIn()),
      await open(standIn(), ['dev']),
      await open(standIn({ version: [3, 11, 9] })),
    ].map((made) => made.folder);
    expect(new Set(folders).size).toBe(3);
    expect(folders[1]).toMatch(/airflow3-dev-[0-9a-f]{12}$/);
  });

  test('of two that make it at once, the first one ready stays and both use it', async () => {
    const env = standIn();
    const [one, other] = await Promise.all([open(env), open(env)]);
    expect(one).toEqual(other);
    expect(readdirSync(home())).toEqual([one.folder.slice(home().length + 1)]);
  });

  test('is made by pip where uv cannot be had', async () => {
    await open(standIn({ fails: 'uv' }));
    expect(said.join('\n')).toMatch(/uv==[\d.]+ did not do it \(.*no index\); pip takes some minutes/);
    expect(installed()).toEqual([expect.stringMatching(/^pip -m pip install .*--require-hashes/)]);
  });

  test('that cannot be filled leaves nothing behind and says what to check', async () => {
    await expect(open(standIn({ fails: 'packages' }))).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(
        /^The Python environment for Airflow 3 cannot be made: .*no such package/,
      ),
      advice: expect.stringContaining('package index'),
    });
    expect(readdirSync(home())).toEqual([]);
  });

  test('half-made ones of killed processes are removed, those of living ones are not', async () => {
    const dead = spawn('true');
    await once(dead, 'exit');
    const [leftover, living] = [`.airflow-${dead.pid ?? 0}-abcd`, `.airflow-${process.pid}-abcd`];
    for (const name of [leftover, living]) mkdirSync(join(home(), name), { recursive: true });
    await open(standIn());
    expect(existsSync(join(home(), leftover))).toBe(false);
    expect(existsSync(join(home(), living))).toBe(true);
  });
});

describe('the Python for it', () => {
  const misfits: readonly (PythonStandIn & { what: string; major: 2 | 3; words: RegExp })[] = [
    {
      what: 'too old',
      major: 3,
      version: [3, 10, 2],
      words: /No Python fits Airflow 3 \(3\.11 to 3\.14\): .*is 3\.10\.2/,
    },
    {
      what: 'too new for Airflow 2',
      major: 2,
      version: [3, 13, 0],
      words: /No Python fits Airflow 2 \(3\.11 to 3\.12\): .*is 3\.13\.0/,
    },
    {
      what: 'without venv',
      major: 3,
      lacksVenv: true,
      words: /lacks venv or ensurepip \(package python3-venv\)/,
    },
  ];

  test.each(misfits)('$what is refused in words', async ({ major, words, ...given }) => {
    const env = standIn(given);
    const opening = openAirflowEnvironment({ major, home: home(), env, report: () => undefined });
    await expect(opening).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringMatching(words) });
  });

  test('a named one that is not there is refused; no other is taken in its place', async () => {
    await expect(open({ LONGHAUL_AIRFLOW_PYTHON: '/nowhere/python' })).rejects.toMatchObject({
      message: expect.stringMatching(/\/nowhere\/python: not found\.$/),
      advice: expect.stringContaining('LONGHAUL_AIRFLOW_PYTHON'),
    });
  });
});

describe('the lock files', () => {
  const requirements = join(pythonPackageFolder(), 'requirements');
  const read = (name: string): string => readFileSync(join(requirements, name), 'utf8');

  test.each(['airflow2', 'airflow3', 'dev'])(
    '%s.txt pins by hash all that %s.in names, and names no index',
    (name) => {
      const lock = read(`${name}.txt`);
      const wanted = read(`${name}.in`).trim().split('\n');
      expect(wanted.filter((pin) => !lock.includes(`${pin} \\`))).toEqual([]);
      const entries = lock.split(/\n(?=\S)/).filter((entry) => entry.trim() !== '');
      expect(
        entries.filter((entry) => !/^[\w.-]+==\S+ .*\\\n.*--hash=sha256:[0-9a-f]{64}/.test(entry)),
      ).toEqual([]);
      expect(lock).not.toMatch(/:\/\/|index-url|find-links/);
    },
  );

  test('what tests need beside Airflow agrees with both locks', () => {
    const versions = (name: string): Map<string, string> =>
      new Map(
        [...read(name).matchAll(/^([\w.-]+)==(\S+)/gm)].map(([, pkg = '', version = '']) => [pkg, version]),
      );
    const dev = versions('dev.txt');
    for (const name of ['airflow2.txt', 'airflow3.txt']) {
      const clashes = [...versions(name)].filter(([pkg, version]) => (dev.get(pkg) ?? version) !== version);
      expect(clashes).toEqual([]);
    }
  });
});
