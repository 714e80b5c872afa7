import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Lets a plain `node` load our TypeScript, as jest does: for tests that need a real process to kill. */
const HOOK = `
const { transformSync } = require(${JSON.stringify(require.resolve('@swc/core'))});
const { readFileSync } = require('node:fs');
require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename, sourceMaps: 'inline', module: { type: 'commonjs' }, swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  });
  module._compile(code, filename);
};
`;

let hookFile: string | undefined;

/** Arguments for `node` that run a TypeScript file: `spawn(process.execPath, [...typescriptArguments(file), 'x'])`. */
export function typescriptArguments(file: string): string[] {
  hookFile ??= writeHook();
  return ['--enable-source-maps', '--require', hookFile, file];
}

function writeHook(): string {
  const hook = join(mkdtempSync(join(tmpdir(), 'lh-typescript-')), 'hook.cjs');
  writeFileSync(hook, HOOK);
  return hook;
}

export interface TypeScriptChild {
  readonly process: ChildProcess;
  /** The lines of its standard output so far. */
  readonly lines: readonly string[];
  /** Resolves with the first line, past or to come, that `accept` takes; rejects when the child ends before. */
  line(accept: (line: string) => boolean): Promise<string>;
  /** Resolves with exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  kill(signal?: NodeJS.Signals): void;
}

export interface TypeScriptChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its standard error becomes lines too, instead of going to the test's. */
  readonly captureErrors?: boolean;
}

/**
 * Runs a TypeScript file in a Node process of its own; it talks to the test by lines on its standard output.
 * Its standard error goes to the test's, unless captured. Kill it in `afterEach`.
 */
export function runTypeScriptChild(file: string, options: TypeScriptChildOptions = {}): TypeScriptChild {
  const child = spawn(process.execPath, [...typescriptArguments(file), ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', options.captureErrors === true ? 'pipe' : 'inherit'],
    env: { ...process.env, ...options.env },
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  const lines: string[] = [];
  const { stdout, stderr } = child;
  if (stdout === null) throw new Error('the child has no standard output');
  const reader = createInterface({ input: stdout });
  reader.on('line', (line) => lines.push(line));
  if (stderr !== null) createInterface({ input: stderr }).on('line', (line) => lines.push(line));
  const line = (accept: (line: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find(accept);
        if (found !== undefined) resolve(found);
      };
      look();
      reader.on('line', look);
      void ended.then((end) =>
        reject(new Error(`the child ended (${String(end)}) after: ${lines.join(' | ')}`)),
      );
    });
  return { process: child, lines, line, ended, kill: (signal = 'SIGKILL') => void child.kill(signal) };
}
