import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import type { NotebookRequest } from './notebooks';
import { isOurProcess } from './process-identity';
import { isWireObject, parseWireJson, toWireJson, type WireObject } from './wire-json';

export interface PythonCommand {
  readonly file: string;
  readonly parameters: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What `file` is to run: handed to it as `request.json`; it leaves `result.json` beside that. */
  readonly notebook?: NotebookRequest;
}

/** `absent`: never launched as far as anyone can tell. `lost`: it died without leaving its exit code. */
export type ProcessState =
  { readonly kind: 'absent' | 'running' | 'lost' } | { readonly kind: 'exited'; readonly code: number };

/** Runs task attempts as detached processes that outlive the simulator; all it knows of them is in a folder each. */
export interface PythonRunner {
  /** Safe to repeat: an attempt's program starts at most once, whoever crashes in between. */
  launch(attemptId: string, command: PythonCommand): void;
  poll(attemptId: string): ProcessState;
  /** Sends a signal to the whole process group; nothing happens if it is gone. */
  signal(attemptId: string, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** The last `maxBytes` of stdout and stderr. */
  readLog(attemptId: string, maxBytes: number): { readonly text: string; readonly truncated: boolean };
  /** What a notebook left behind. */
  readResult(attemptId: string): WireObject | undefined;
  forget(attemptId: string): void;
}

/**
 * The wrapper claims the folder, so that only one ever runs for it; it notes its process id (its group's as well) and
 * survives a TERM to note the exit code of the program, which gets the TERM too. `$1` is the folder.
 */
const WRAPPER = `
cd "$1" || exit 1
mkdir claim 2>/dev/null || exit 0
trap : TERM INT HUP
echo $$ > pid.new && mv pid.new pid
folder=$1; cwd=$2; shift 2
cd "$cwd" && "$@" > "$folder/log" 2>&1 < /dev/null
echo $? > "$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"
`;

export function createPythonRunner(folder: string, python: string): PythonRunner {
  const children = new Map<string, ChildProcess>();
  const folderOf = (attemptId: string) => path.join(folder, attemptId);
  const pidOf = (attemptId: string) =>
    readNumber(path.join(folderOf(attemptId), 'pid')) ?? children.get(attemptId)?.pid;
  const isAlive = (attemptId: string, pid: number) => {
    const child = children.get(attemptId);
    if (child?.pid === pid) return child.exitCode === null && child.signalCode === null;
    return isOurProcess(pid, folderOf(attemptId));
  };
  return {
    launch: (attemptId, command) => {
      const folder = folderOf(attemptId);
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      const child = startWrapper(folder, python, command);
      if (child !== undefined) children.set(attemptId, child);
    },
    poll: (attemptId) => {
      const exitFile = path.join(folderOf(attemptId), 'exit');
      const exited = () => toExited(readNumber(exitFile));
      const pid = pidOf(attemptId);
      if (pid === undefined) return exited() ?? { kind: children.has(attemptId) ? 'lost' : 'absent' };
      // The exit code is written before the process ends: look again once it is seen dead.
      return exited() ?? (isAlive(attemptId, pid) ? { kind: 'running' } : (exited() ?? { kind: 'lost' }));
    },
    signal: (attemptId, signal) => {
      const pid = pidOf(attemptId);
      if (pid !== undefined) signalGroup(pid, signal);
    },
    readLog: (attemptId, maxBytes) => readTail(path.join(folderOf(attemptId), 'log'), maxBytes),
    readResult: (attemptId) => readJson(path.join(folderOf(attemptId), 'result.json')),
    forget: (attemptId) => {
      children.delete(attemptId);
      fs.rmSync(folderOf(attemptId), { recursive: true, force: true });
    },
  };
}

/** What cannot even be started ends like a command that is not found. */
function startWrapper(folder: string, python: string, command: PythonCommand): ChildProcess | undefined {
  const args = ['-c', WRAPPER, 'longhaul-simulator', folder];
  const giveUp = (error: unknown): void => {
    fs.writeFileSync(path.join(folder, 'log'), String(error));
    fs.writeFileSync(path.join(folder, 'exit'), '127');
  };
  try {
    const env = { ...minimalEnvironment(), ...command.environment };
    args.push(...programArguments(folder, python, command));
    const child = spawn('/bin/sh', args, { detached: true, stdio: 'ignore', env });
    child.on('error', giveUp);
    child.unref();
    return child;
  } catch (error) {
    giveUp(error); // such as a NUL character in a parameter
    return undefined;
  }
}

/** The folder to run in, and what to run there. */
function programArguments(folder: string, python: string, command: PythonCommand): string[] {
  const file = path.resolve(command.file);
  if (command.notebook === undefined) return [path.dirname(file), python, file, ...command.parameters];
  const request = path.join(folder, 'request.json');
  fs.writeFileSync(`${request}.new`, toWireJson({ ...command.notebook }), { mode: 0o600 });
  fs.renameSync(`${request}.new`, request);
  return [path.dirname(path.resolve(command.notebook.notebook)), python, file, request];
}

/** Never the simulator's own environment: it may hold secrets. Unbuffered, so that logs keep their order. */
function minimalEnvironment(): Record<string, string> {
  const { PATH, HOME, LANG } = process.env;
  return {
    PATH: PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: HOME ?? '/',
    LANG: LANG ?? 'C.UTF-8',
    PYTHONUNBUFFERED: '1',
  };
}

function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone, which is what was wanted.
  }
}

function readNumber(file: string): number | undefined {
  try {
    const value = Number.parseInt(fs.readFileSync(file, 'utf8'), 10);
    return Number.isNaN(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

function readJson(file: string): WireObject | undefined {
  if (!fs.existsSync(file)) return undefined;
  const value = parseWireJson(fs.readFileSync(file, 'utf8'));
  return isWireObject(value) ? value : undefined;
}

function toExited(code: number | undefined): ProcessState | undefined {
  return code === undefined ? undefined : { kind: 'exited', code };
}

function readTail(file: string, maxBytes: number): { text: string; truncated: boolean } {
  try {
    const bytes = fs.readFileSync(file);
    return { text: bytes.subarray(-maxBytes).toString('utf8'), truncated: bytes.length > maxBytes };
  } catch {
    return { text: '', truncated: false };
  }
}
