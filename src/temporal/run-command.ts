import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isNativeError } from 'node:util/types';
import { LonghaulError } from '../connector/errors';

const execute = promisify(execFile);

/**
 * Runs a program without a shell and gives its standard output.
 * @throws CONFIG with the last words of its error output, when it cannot run, fails, or passes `limitMs`.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly limitMs: number },
): Promise<string> {
  try {
    const { stdout } = await execute(command, [...args], { timeout: options.limitMs, killSignal: 'SIGKILL' });
    return stdout;
  } catch (error) {
    throw new LonghaulError('CONFIG', `${command}: ${reasonOf(error, options.limitMs)}`, { cause: error });
  }
}

export function messageOf(error: unknown): string {
  return isNativeError(error) ? error.message : String(error);
}

function reasonOf(error: unknown, limitMs: number): string {
  if (!isNativeError(error)) return String(error);
  const [killed, code, stderr] = ['killed', 'code', 'stderr'].map((name): unknown =>
    Reflect.get(error, name),
  );
  if (killed === true) return `no answer within ${limitMs / 1000} s`;
  if (code === 'ENOENT') return 'not found';
  const lastWords = typeof stderr === 'string' ? stderr.trim().split('\n').at(-1) : undefined;
  return lastWords === undefined || lastWords === '' ? error.message : lastWords;
}
