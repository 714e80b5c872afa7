import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { runCommand } from '../../src/temporal/run-command';
import { testHome } from '../support/temporal-server';

const SDK_VERSION = '1.35.0';
const LIMIT_MS = 120_000;

/** A connector worker in Python; it ends when `kill` is called, at the latest with the test. */
export async function startPythonWorker(address: string, taskQueue: string): Promise<ChildProcess> {
  const python = await findPython();
  const script = join(__dirname, 'python/connector_worker.py');
  const child = spawn(python, [script, address, taskQueue], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

/** A virtual environment with Temporal's Python SDK, made once and kept; a half-made one is never taken for whole. */
async function findPython(): Promise<string> {
  const home = join(testHome(), `python-temporalio-${SDK_VERSION}`);
  if (!existsSync(join(home, 'complete'))) await makeEnvironment(home);
  return join(home, 'bin/python');
}

async function makeEnvironment(home: string): Promise<void> {
  rmSync(home, { recursive: true, force: true });
  await runCommand('python3', ['-m', 'venv', home], { limitMs: LIMIT_MS });
  const install = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
  ];
  await runCommand(join(home, 'bin/python'), [...install, `temporalio==${SDK_VERSION}`], {
    limitMs: LIMIT_MS,
  });
  writeFileSync(join(home, 'complete'), '');
}
