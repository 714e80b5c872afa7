import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

/**
 * The command line of a living process, or undefined when there is none by this id (a zombie has none).
 * Used to tell our own server from a stranger that got its process id. Linux: /proc; macOS: ps.
 */
export function commandLineOf(pid: number): string | undefined {
  try {
    return blankToUndefined(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
  } catch {
    return process.platform === 'linux' ? undefined : commandLineByPs(pid);
  }
}

function commandLineByPs(pid: number): string | undefined {
  try {
    const output = execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return blankToUndefined(output.trim());
  } catch {
    return undefined;
  }
}

function blankToUndefined(text: string): string | undefined {
  return text === '' ? undefined : text;
}
