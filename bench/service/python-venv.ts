import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

import { runCommand } from '../../src/temporal/run-command';

/** pyspark comes without a wheel and takes minutes. */
const LIMIT = { limitMs: 900_000 };

/** The `python` of an environment that holds what a requirements file names; made once and kept by the file's text. */
export async function openPythonVenv(requirementsFile: string): Promise<string> {
  const version = await runCommand('python3', ['-c', 'import sys; print(sys.version)'], LIMIT);
  const key = createHash('sha256').update(readFileSync(requirementsFile)).update(version).digest('hex');
  const name = `venv-${basename(requirementsFile, '.txt')}-${key.slice(0, 12)}`;
  const home = join(process.env['LONGHAUL_HOME'] ?? join(homedir(), '.longhaul'), name);
  if (!existsSync(home)) {
    const aside = `${home}-${process.pid}`;
    rmSync(aside, { recursive: true, force: true });
    await runCommand('python3', ['-m', 'venv', aside], LIMIT);
    const install = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '-r',
      requirementsFile,
    ];
    await runCommand(join(aside, 'bin/python'), install, LIMIT);
    renameSync(aside, home);
  }
  return join(home, 'bin/python');
}
