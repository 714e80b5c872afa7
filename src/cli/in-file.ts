import { basename } from 'node:path';

import { LonghaulError, type ErrorCode } from '../connector/errors';

/** What the words of a file are refused with. */
const OF_FILES: readonly ErrorCode[] = ['INVALID_TASK', 'UNKNOWN_TASK_TYPE'];

/**
 * Runs what judges the content of a task file: what it refuses names the file before the field, unless the field is one
 * of `given`, which the command line brought.
 */
export function inFile<T>(path: string, given: object, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof LonghaulError) || !OF_FILES.includes(error.code)) throw error;
    const { code, message, advice, field } = error;
    if (field !== undefined && field in given) throw error;
    throw new LonghaulError(code, `${basename(path)}: ${message}`, {
      cause: error,
      ...(advice === undefined ? {} : { advice }),
      ...(field === undefined ? {} : { field }),
    });
  }
}
