import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';

import { LonghaulError } from '../../src/connector/errors';
import { readProcessTable, treeOf } from './process-tree';

/** A process that can be killed and started again. */
export interface Restartable {
  readonly pid: () => number;
  start(): Promise<void>;
  /** SIGKILL of this process alone: its children are its own business. */
  kill(): Promise<void>;
}

export interface Program extends Restartable {
  /** SIGKILL of it and of all that descend from it. */
  killTree(): Promise<void>;
}

export interface ProgramOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its output is appended to `<name>.log` here. */
  readonly folder: string;
  /** Whom it runs as; by default as we do. */
  readonly uid?: number;
  /** Settles when it serves; raced against its end. */
  readonly untilReady: () => Promise<void>;
}

/** What no program of a bench may inherit: it would speak to somebody else's Temporal or database. */
const FOREIGN = /^(TEMPORAL_|LONGHAUL_|AIRFLOW_|PYTHON|DATABRICKS_)/;

export function cleanEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Dies with us, unless we are killed outright. */
export function createProgram(options: ProgramOptions): Program {
  let child: ChildProcess | undefined;
  process.once('exit', () => child?.kill('SIGKILL'));
  return {
    pid: () => child?.pid ?? 0,
    start: async () => {
      child = spawnProgram(options);
      await Promise.race([options.untilReady(), failWhenEnded(child, options)]);
    },
    kill: () => killChild(child),
    killTree: async () => {
      const tree = treeOf(child?.pid ?? 0, readProcessTable());
      await killChild(child);
      for (const pid of tree) killQuietly(pid);
    },
  };
}

/** Runs a program to its end. @throws UNAVAILABLE when it fails. */
export async function runToEnd(options: Omit<ProgramOptions, 'untilReady'>): Promise<void> {
  const child = spawnProgram(options);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw ended(options);
}

async function killChild(child: ChildProcess | undefined): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** It may have gone with its parent. */
function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone
  }
}

function spawnProgram({
  name,
  command,
  args,
  env,
  folder,
  uid,
}: Omit<ProgramOptions, 'untilReady'>): ChildProcess {
  const log = openSync(join(folder, `${name}.log`), 'a');
  return spawn(command, [...args], {
    cwd: folder,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', log, log],
    ...(uid === undefined ? {} : { uid }),
  });
}

/** Once the program is up nobody listens any more: then its end is what the bench asked for. */
async function failWhenEnded(child: ChildProcess, options: ProgramOptions): Promise<never> {
  await once(child, 'exit');
  throw ended(options);
}

function ended({ name, folder }: Pick<ProgramOptions, 'name' | 'folder'>): LonghaulError {
  const advice = `Read ${join(folder, `${name}.log`)}.`;
  return new LonghaulError('UNAVAILABLE', `${name} ended too early.`, { advice });
}
