import { LonghaulError, ERROR_TABLE } from '../connector/errors';
import { createOutput, type Output, type OutputFormat } from './output';
import { openSession, type Session, type SessionOptions } from './session';

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
  if (output.format === 'json') {
    output.result('', {
      error: {
        code,
        message,
        ...(advice === undefined ? {} : { advice }),
        ...(field === undefined ? {} : { field }),
      },
    });
  } else {
    output.note(`${code}: ${message}`);
    if (advice !== undefined) output.note(`  ${advice}`);
    if (code === 'INTERNAL' && process.env['LONGHAUL_LOG_LEVEL'] === 'debug') {
      output.note(String(error.stack));
    }
  }
  return ERROR_TABLE[code].exitCode;
}

/** A command that needs Temporal: opens the session, closes it whatever happens. */
export async function withSession(
  output: Output,
  engine: SessionOptions['engine'],
  act: (session: Session) => Promise<number>,
): Promise<number> {
  const session = await openSession({ env: process.env, engine, report: output.note });
  try {
    return await act(session);
  } finally {
    await session.close();
  }
}
