import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { waitUntil } from '../../support/wait-until';

const ROOT = join(__dirname, '../../..');
const CLI = join(ROOT, 'dist/src/cli/cli.js');

/** These tests run what is shipped: dist must be what the sources say. */
export async function buildDist(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--if-changed'], {
    cwd: ROOT,
  });
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface CliProcess {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Waits until standard error holds this. */
  said(pattern: RegExp): Promise<void>;
  readonly ended: Promise<CliEnd>;
}

export interface CliEnd {
  /** Null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<ChildProcess>();

/** Ends what a failed test left behind. */
export function killCliProcesses(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Nothing of the caller's own configuration reaches the command. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(TEMPORAL|DATABRICKS|FLYTE|LONGHAUL)_/;
  const kept = Object.entries(process.env).filter(
    ([name]) => !foreign.test(name) || name === 'TEMPORAL_CLI_PATH',
  );
  return Object.fromEntries(kept);
}

/** Starts the built command; not on a terminal. */
export function startCli(args: readonly string[], { env = {}, cwd = ROOT }: CliOptions = {}): CliProcess {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
    env: { ...cleanEnvironment(), ...env },
  });
  running.add(child);
  const [out, err]: string[][] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out?.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err?.push(text));
  const stdout = (): string => (out ?? []).join('');
  const stderr = (): string => (err ?? []).join('');
  const ended = new Promise<CliEnd>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, stdout: stdout(), stderr: stderr() });
    });
  });
  const said = async (pattern: RegExp): Promise<void> => {
    await waitUntil(`${String(pattern)} in: ${args.join(' ')}`, () => {
      if (pattern.test(stderr())) return true;
      if (child.exitCode !== null) throw new Error(`It ended first: ${stderr()}${stdout()}`);
      return undefined;
    });
  };
  return { process: child, stdout, stderr, said, ended };
}

/** Runs the built command to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  return startCli(args, options).ended;
}

/** Runs it with `-o json`: standard output must be one JSON document and nothing else. */
export async function runCliJson(
  args: readonly string[],
  options: CliOptions = {},
): Promise<{ readonly code: number | null; readonly document: unknown }> {
  const { code, stdout } = await runCli([...args, '-o', 'json'], options);
  return { code, document: JSON.parse(stdout) as unknown };
}
