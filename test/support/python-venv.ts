import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

import { runCommand } from '../../src/temporal/run-command';
import { testHome } from './temporal-server';

/** PySpark is built from its sources, after half a gigabyte of them was fetched. */
const LIMIT_MS = 900_000;

/**
 * The `python` of a virtual environment that holds what a requirements file names. Made once (some 15 s) and kept
 * under the test home by the text of the file and the version of Python, so that a changed pin makes a new one.
 * Safe from several processes at once: it is made aside, and the first one to be ready stays.
 * @throws CONFIG with pip's last words.
 */
export async function openPythonVenv(requirementsFile: string): Promise<string> {
  const limit = { limitMs: LIMIT_MS };
  const version = await runCommand('python3', ['-c', 'import sys; print(sys.version)'], limit);
  const key = createHash('sha256').update(readFileSync(requirementsFile)).update(version).digest('hex');
  const home = join(testHome(), `venv-${basename(requirementsFile, '.txt')}-${key.slice(0, 12)}`);
  if (!existsSync(home)) {
    const aside = `${home}-${process.pid}`;
    await makeVenv(aside, { requirementsFile, isNew: isNewerThanStubs(version) });
    keepFirst(aside, home);
  }
  return join(home, 'bin/python');
}

interface VenvPlan {
  readonly requirementsFile: string;
  readonly isNew: boolean;
}

/** flyteidl 1.16 says that it wants a Python below 3.14, and is plain Python that runs on it. */
function isNewerThanStubs(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 3 || minor >= 14;
}

async function makeVenv(folder: string, { requirementsFile, isNew }: VenvPlan): Promise<void> {
  const limit = { limitMs: LIMIT_MS };
  rmSync(folder, { recursive: true, force: true });
  await runCommand('python3', ['-m', 'venv', folder], limit);
  const options = [
    ...['--quiet', '--disable-pip-version-check', '--no-compile'],
    ...['--only-binary', ':all:'],
    ...(isNew ? ['--ignore-requires-python'] : []),
  ];
  const install = ['-m', 'pip', 'install', ...options, '-r', requirementsFile];
  await runCommand(join(folder, 'bin/python'), install, limit);
}

function keepFirst(made: string, home: string): void {
  try {
    renameSync(made, home);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(home)) throw error;
  }
}
