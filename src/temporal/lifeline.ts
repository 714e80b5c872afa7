import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/**
 * `sh` becomes the program (`exec`), so its process id and exit are the program's own. A helper beside it reads the
 * pipe that only the parent holds: end of file means that the parent is gone, however it died, and the program is
 * killed. One line on the pipe means that the program has ended by itself: its id may belong to another by then.
 */
const LIFELINE = `
exec 3<&0 </dev/null
{ trap '' INT TERM HUP; read -r _ <&3 || kill -9 $$; } >/dev/null 2>&1 &
exec "$@" 3<&-
`;

export interface LifelineOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Both outputs are appended here. */
  readonly logFile: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LifelineChild {
  readonly pid: number | undefined;
  /** Resolves when the program has ended; never rejects. */
  readonly ended: Promise<ChildEnd>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a program that dies with this process, SIGKILL included. It has a session of its own, so that Ctrl-C in a
 * terminal reaches only us, who then end it in order. Linux and macOS.
 */
export function spawnWithLifeline({ command, args, logFile, env }: LifelineOptions): LifelineChild {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn('/bin/sh', ['-c', LIFELINE, 'lifeline', command, ...args], {
    stdio: ['pipe', log, log],
    detached: true,
    env,
  });
  closeSync(log);
  child.stdin?.on('error', () => undefined); // the reader may be gone
  const ended = endOf(child);
  void ended.then(() => child.stdin?.end('ended\n'));
  return { pid: child.pid, ended, kill: (signal) => void child.kill(signal) };
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
}
