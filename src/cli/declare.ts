import { InvalidArgumentError, Option, type Command } from 'commander';

import { LonghaulError } from '../connector/errors';
import { TASK_PHASES } from '../connector/phase';
import { parseDuration } from '../connector/task-policy';

/** Every command takes the output format. */
export function declare(program: Command, nameAndArguments: string, description: string): Command {
  const format = new Option('-o, --output <format>', 'for people or for machines').choices(['human', 'json']);
  return program.command(nameAndArguments).description(description).addOption(format.default('human'));
}

/** For an option that may be given several times. */
export const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

export function parseCount(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('It must be a number, not below 0.');
}

export function parseSkew(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

export function parsePhase(text: string): string {
  const phase = TASK_PHASES.find((candidate) => candidate === text.toUpperCase());
  if (phase !== undefined) return phase;
  throw new InvalidArgumentError(`It must be one of ${TASK_PHASES.join(', ')}.`);
}

/** At least a minute: what is younger may not be seen yet. */
export function parseSpan(text: string): number {
  try {
    const ms = parseDuration('duration', text);
    if (ms >= 60_000) return ms;
  } catch (error) {
    if (!(error instanceof LonghaulError)) throw error;
  }
  throw new InvalidArgumentError('It must be a duration of at least a minute, such as 30m, 12h or 2d.');
}
