import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** A Python worker in a process of its own: to be read, ended and killed. */
export interface PythonWorker {
  readonly pid: number;
  /** What it wrote so far, both streams. */
  readonly lines: readonly string[];
  /** Resolves with exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  kill(signal?: NodeJS.Signals): void;
}

export interface PythonWorkerOptions {
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
}

const READY = 'The worker serves';
/** Two Airflow imports on a busy machine. */
const READY_WITHIN_MS = 120_000;

/** Starts a worker and waits until it serves. @throws with its last words when it ends or is silent instead. */
export async function startPythonWorker({ python, env }: PythonWorkerOptions): Promise<PythonWorker> {
  // It ends when its standard input does: a test run that is killed leaves no worker behind.
  const child = spawn(python, ['-m', 'longhaul_airflow', 'worker', '--with-parent'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...plainEnvironment(), ...env },
  });
  const lines: string[] = [];
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
  const ready = new Promise<void>((resolve) => {
    const take = (line: string): void => {
      lines.push(line);
      if (line.includes(READY)) resolve();
    };
    for (const stream of [child.stdout, child.stderr]) eachLine(stream, take);
  });
  const worker: PythonWorker = {
    pid: child.pid ?? 0,
    lines,
    ended,
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  };
  await Promise.race([ready, failure(worker)]);
  return worker;
}

function eachLine(stream: Readable, take: (line: string) => void): void {
  createInterface({ input: stream }).on('line', take);
}

async function failure({ ended, lines, kill }: PythonWorker): Promise<never> {
  const silent = new Promise<'silence'>((resolve) => {
    setTimeout(() => resolve('silence'), READY_WITHIN_MS).unref();
  });
  const end = await Promise.race([ended, silent]);
  kill();
  throw new Error(`The Python worker is not ready (${String(end)}):\n${lines.slice(-30).join('\n')}`);
}

/** Nothing of the caller's own configuration reaches the worker. */
function plainEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR'];
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && kept.includes(name) ? [[name, value]] : [],
    ),
  );
}

/** Command lines of the living processes whose environment holds `marker`. Linux; elsewhere nothing is found. */
export function processesWith(marker: string): string[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = readProc(pid, 'cmdline');
      return command !== '' && readProc(pid, 'environ').includes(marker) ? [command] : [];
    });
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it has just ended
  }
}
