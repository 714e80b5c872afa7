import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import type { Environment } from '../config/temporal-settings';
import { LonghaulError } from '../connector/errors';
import type { ChildEnd } from '../temporal/lifeline';
import { withLimit } from '../temporal/wait';
import { pythonPackageFolder, type AirflowEnvironment } from './airflow-environment';

export interface AirflowProcessOptions {
  readonly environment: Pick<AirflowEnvironment, 'python'>;
  /** The whole environment of the worker; see {@link airflowWorkerVariables}. */
  readonly env: Environment;
  /** Options of the Python worker's own command line. */
  readonly args?: readonly string[];
  /** Told each line that it writes. */
  readonly onLine: (line: string) => void;
  /** How long it may take to hand over what it does; then it is killed. */
  readonly stopLimitMs: number;
  /** Gives up a start that is under way; later it has no effect. */
  readonly signal?: AbortSignal;
}

export interface AirflowProcess {
  readonly pid: number;
  /** What it said when it was ready: what it serves. */
  readonly ready: string;
  /** Resolves when it has ended, for whatever reason; never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Ends it in order: what can be repeated is handed over, the rest may finish. Idempotent. */
  stop(): Promise<void>;
}

const READY = 'The worker serves';
/** It imports Airflow, starts its fork server and tests itself; on a busy machine that takes its time. */
const START_LIMIT_MS = 180_000;
const LAST_LINES = 12;
/** Children of a dead worker may hold its outputs open. */
const LAST_WORDS_LIMIT_MS = 1_000;

/**
 * Starts the Python worker and waits until it serves. It ends when its standard input closes, so it never outlives this
 * process, SIGKILL included; it has a session of its own, so that Ctrl-C reaches only us, who then end it in order.
 * @throws CONFIG or UNAVAILABLE with its last words when it does not come up.
 */
export async function startAirflowProcess(options: AirflowProcessOptions): Promise<AirflowProcess> {
  const child = spawnWorker(options);
  const said = createTranscript(options.onLine);
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', said.hear);
  const closed = once(child, 'close').catch(() => undefined);
  const ended = endOf(child);
  const stop = (): Promise<void> => stopChild(child, ended, options.stopLimitMs);
  const giveUp = (): void => void stop();
  options.signal?.addEventListener('abort', giveUp);
  try {
    const first = Promise.race([said.ready, ended]);
    const ready = await withLimit(first, START_LIMIT_MS, 'the Airflow worker to serve');
    if (typeof ready !== 'string') {
      await withLimit(closed, LAST_WORDS_LIMIT_MS, 'its last words').catch(() => undefined);
      throw startFailure(ready, said.lastLines());
    }
    return { pid: child.pid ?? 0, ready, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
  }
}

type WorkerChild = ChildProcessByStdio<Writable, Readable, Readable>;

function spawnWorker({ environment, env, args = [] }: AirflowProcessOptions): WorkerChild {
  const { python } = environment;
  const child = spawn(python, ['-m', 'longhaul_airflow', 'worker', '--with-parent', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: {
      ...env,
      PYTHONPATH: join(pythonPackageFolder(), 'src'),
      PYTHONUNBUFFERED: '1',
    },
  });
  child.stdin.on('error', () => undefined); // it may be gone
  return child;
}

interface Transcript {
  readonly ready: Promise<string>;
  hear(line: string): void;
  lastLines(): string;
}

function createTranscript(onLine: (line: string) => void): Transcript {
  const last: string[] = [];
  let settle: (line: string) => void = () => undefined;
  const ready = new Promise<string>((resolve) => (settle = resolve));
  return {
    ready,
    hear: (line) => {
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      if (line.startsWith(READY)) settle(line);
      onLine(line);
    },
    lastLines: () => last.join('\n'),
  };
}

function endOf(child: WorkerChild): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
}

async function stopChild(child: WorkerChild, ended: Promise<ChildEnd>, limitMs: number): Promise<void> {
  child.stdin.end();
  const force = setTimeout(() => child.kill('SIGKILL'), limitMs);
  await ended;
  clearTimeout(force);
}

function startFailure({ code, signal }: ChildEnd, lastWords: string): LonghaulError {
  const how = code === null && signal === null ? 'cannot be run' : `ended (${signal ?? `code ${code}`})`;
  const words = lastWords === '' ? '' : `\n${lastWords}`;
  return new LonghaulError('UNAVAILABLE', `The Airflow worker did not start: it ${how}.${words}`, {
    advice: 'Read what it said; longhaul doctor checks what it needs.',
  });
}
