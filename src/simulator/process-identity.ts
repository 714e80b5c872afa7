import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

/**
 * Is `pid` alive and still the process whose command line names `mark` (a folder no other process has)?
 * That also tells a reused process id apart. A zombie has no command line and counts as dead.
 */
export function isOurProcess(pid: number, mark: string): boolean {
  return commandLine(pid).includes(mark);
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
