import type { AttemptOutput } from './model';

const HEADER = 'Traceback (most recent call last):';
const LINKS = [
  'During handling of the above exception, another exception occurred:',
  'The above exception was the direct cause of the following exception:',
];

/**
 * Reads the failure out of what a Python process wrote: `error` is the last line of the traceback, `errorTrace` the
 * traceback with the exceptions it is chained to. Without one (a syntax error, `sys.exit`) the exit code speaks.
 */
export function parseFailure(log: string, exitCode: number): AttemptOutput {
  const lines = log.trimEnd().split('\n');
  const header = lines.findLastIndex((line) => line.startsWith(HEADER));
  if (header >= 0) return traceOutput(lines.slice(chainStart(lines, header)));
  const syntaxError = lines.findLastIndex((line) => /^ {2}File ".*", line \d+$/.test(line));
  if (syntaxError >= 0) return traceOutput(lines.slice(syntaxError));
  const error = `SystemExit: ${exitCode}`;
  return { error, errorTrace: error };
}

function traceOutput(trace: readonly string[]): AttemptOutput {
  return { error: trace.at(-1) ?? '', errorTrace: trace.join('\n') };
}

function chainStart(lines: readonly string[], header: number): number {
  const isChained = LINKS.includes(lines.slice(0, header).findLast((line) => line !== '') ?? '');
  if (!isChained) return header;
  const earlier = lines.slice(0, header).findLastIndex((line) => line.startsWith(HEADER));
  return earlier < 0 ? header : chainStart(lines, earlier);
}
