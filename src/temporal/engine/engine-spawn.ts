import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface SpawnedEngine {
  /** Resolves with the exit code; null for a signal or a program that cannot be run. Never rejects. */
  readonly ended: Promise<number | null>;
}

export interface SpawnEngineOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Both outputs are appended; see {@link engineLogFile}. */
  readonly logFile: string;
}

/** Starts a background process with a session of its own: it outlives this process and its terminal. */
export function spawnDetached({ command, args, env, logFile }: SpawnEngineOptions): SpawnedEngine {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(command, [...args], { detached: true, stdio: ['ignore', log, log], env, cwd: '/' });
  closeSync(log);
  child.unref();
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
    child.once('error', () => resolve(null));
  });
  return { ended };
}
