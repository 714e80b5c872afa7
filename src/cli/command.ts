import { LonghaulError, ERROR_TABLE } from '../connector/errors';
import { createOutput, type Output, type OutputFormat } from './output';

export interface CommonOptions {
  readonly output: OutputFormat;
}

/** Runs a command, prints its error in words and sets the exit code of the table. */
export async function runCommand(
  options: CommonOptions,
  act: (output: Output) => Promise<number>,
): Promise<void> {
  const output = createOutput(options.output);
  try {
    process.exitCode = await act(output);
  } catch (error) {
    process.exitCode = reportError(output, LonghaulError.from(error));
  }
}

function reportError(output: Output, error: LonghaulError): number {
  const { code, message, advice, field } = error;
  const words = [
    `${output.notePaint('bad', code)}: ${message}`,
    ...(advice === undefined ? [] : [`  ${advice}`]),
    ...(code === 'INTERNAL' && process.env['LONGHAUL_LOG_LEVEL'] === 'debug' ? [String(error.stack)] : []),
  ].join('\n');
  if (output.format === 'human') output.note(words);
  else {
    output.result(words, {
      error: {
        code,
        message,
        ...(advice === undefined ? {} : { advice }),
        ...(field === undefined ? {} : { field }),
      },
    });
  }
  return ERROR_TABLE[code].exitCode;
}

/** A reader that has had enough (`| head`) ends the command without a word; a full disk with a short one. */
export function endOnLostOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit();
      if (stream === process.stdout) process.stderr.write(`The output cannot be written: ${error.message}\n`);
      process.exit(ERROR_TABLE.INTERNAL.exitCode);
    });
  }
}
