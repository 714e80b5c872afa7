import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { openPythonVenv } from '../support/python-venv';

/** A connector worker in Python; it ends when `kill` is called, at the latest with the test. */
export async function startPythonWorker(address: string, taskQueue: string): Promise<ChildProcess> {
  const python = await openPythonVenv(join(__dirname, 'requirements.txt'));
  const script = join(__dirname, 'python/connector_worker.py');
  const child = spawn(python, [script, address, taskQueue], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}
