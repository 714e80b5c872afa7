import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { JsonObject } from '../../../src/connector';
import { openPythonVenv } from '../../support/python-venv';

const FOLDER = join(__dirname, '../python');
const CLOSE_LIMIT_MS = 2_000;

/** One call, as `drive.py` reads it. */
export interface DriveLine {
  readonly address: string;
  /** `SERVICE/METHOD`, or `reflection`. */
  readonly call: string;
  readonly request?: JsonObject | readonly JsonObject[];
  /** Base64 of a whole request; `request` is laid over it. */
  readonly bytes?: string;
  readonly timeoutMs: number;
  readonly tls?: JsonObject;
}

/** What `drive.py` answers. */
export type DriveAnswer =
  | { readonly ok: true; readonly latencyMs: number; readonly messages: readonly JsonObject[] }
  | ({ readonly ok: false; readonly latencyMs: number } & GrpcFailure);

export interface GrpcFailure {
  /** Such as `NOT_FOUND`. */
  readonly code: string;
  readonly details: string;
  readonly errorInfo?: {
    readonly reason: string;
    readonly domain: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
}

export interface PythonProcess {
  /** Rejects when the line itself is wrong (an unknown field, say) or the process has ended. */
  drive(line: DriveLine): Promise<DriveAnswer>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(answer: DriveAnswer): void;
  reject(error: Error): void;
}

/** A long-lived `drive.py`; calls run at once. It ends by itself when this process does. */
export async function startPythonProcess(): Promise<PythonProcess> {
  const python = await openPythonVenv(join(FOLDER, 'requirements.txt'));
  const child = spawn(python, [join(FOLDER, 'drive.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', GRPC_VERBOSITY: 'NONE' },
  });
  const waiting = new Map<number, Waiting>();
  createInterface({ input: child.stdout }).on('line', (text) => settle(waiting, text));
  // A line written while it ends: the exit below says so to whoever waits.
  child.stdin.on('error', () => undefined);
  child.once('exit', (code, signal) => rejectAll(waiting, `drive.py ended (${signal ?? String(code)})`));
  let lastId = 0;
  return {
    drive: (line) =>
      new Promise((resolve, reject) => {
        if (hasEnded(child)) throw new Error('drive.py has ended');
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        child.stdin.write(`${JSON.stringify({ id: lastId, ...line })}\n`);
      }),
    close: async () => {
      child.stdin.end();
      await untilEnded(child);
    },
  };
}

function settle(waiting: Map<number, Waiting>, text: string): void {
  const { id, ...answer } = JSON.parse(text) as { id: number; broken?: string } & DriveAnswer;
  const waiter = waiting.get(id);
  waiting.delete(id);
  if (answer.broken === undefined) waiter?.resolve(answer);
  else waiter?.reject(new Error(answer.broken));
}

function rejectAll(waiting: Map<number, Waiting>, reason: string): void {
  for (const { reject } of waiting.values()) reject(new Error(reason));
  waiting.clear();
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function untilEnded(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const killer = setTimeout(() => child.kill('SIGKILL'), CLOSE_LIMIT_MS);
  await once(child, 'exit');
  clearTimeout(killer);
}
