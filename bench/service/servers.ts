import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { LonghaulError } from '../../src/connector/errors';
import { findFreePort, isServing } from '../../src/temporal/ports';
import { openPythonVenv } from './python-venv';

const START_LIMIT_MS = 60_000;
const IP = '127.0.0.1';
const CLI = join(__dirname, '../../dist/src/cli/cli.js');

/** Where processes write what they say, and what they all need to know. */
export interface Surroundings {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface ServingProcess {
  readonly pid: number;
  readonly address: string;
  stop(): Promise<void>;
}

/** A command of the built `longhaul` with a port of its own. */
export async function startLonghaul(
  command: 'serve' | 'simulate',
  surroundings: Surroundings,
): Promise<ServingProcess> {
  const port = await findFreePort(IP);
  const child = start(process.execPath, [CLI, command, '--port', String(port)], surroundings);
  return untilListening(child, port);
}

/** `longhaul worker`; it has begun when it has said so. */
export async function startLonghaulWorker(surroundings: Surroundings): Promise<() => Promise<void>> {
  const child = dieWithUs(
    spawn(process.execPath, [CLI, 'worker'], {
      env: { ...process.env, ...surroundings.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  await Promise.race([once(child.stdout, 'data'), failWhenEnded(child)]);
  child.stdout.resume();
  return () => stop(child);
}

/** One of Flyte's own Python services. */
export async function startPython(
  flavor: 'flytekit' | 'flyte2',
  surroundings: Surroundings,
): Promise<ServingProcess> {
  const python = await openPythonVenv(join(__dirname, `requirements-${flavor}.txt`));
  const [port, metricsPort] = [await findFreePort(IP), await findFreePort(IP)];
  const script = join(__dirname, 'python', `serve_${flavor}.py`);
  const child = start(python, [script, String(port), String(metricsPort)], surroundings);
  return untilListening(child, port);
}

function start(command: string, args: readonly string[], { folder, env }: Surroundings): ChildProcess {
  const log = openSync(join(folder, 'servers.log'), 'a');
  return dieWithUs(
    spawn(command, [...args], { env: { ...process.env, ...env }, stdio: ['ignore', log, log] }),
  );
}

function dieWithUs<T extends ChildProcess>(child: T): T {
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

async function untilListening(child: ChildProcess, port: number): Promise<ServingProcess> {
  await Promise.race([untilServing(port), failWhenEnded(child)]);
  return { pid: child.pid ?? 0, address: `${IP}:${port}`, stop: () => stop(child) };
}

async function untilServing(port: number): Promise<void> {
  const until = Date.now() + START_LIMIT_MS;
  while (!(await isServing(port, IP))) {
    if (Date.now() > until) throw new LonghaulError('UNAVAILABLE', `Nobody listens on ${port}.`);
    await sleep(100);
  }
}

async function failWhenEnded(child: ChildProcess): Promise<never> {
  await once(child, 'exit');
  throw new LonghaulError('UNAVAILABLE', `${child.spawnargs.join(' ')} ended before it was up.`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
