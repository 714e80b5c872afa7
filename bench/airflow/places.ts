import { join } from 'node:path';

export const IP = '127.0.0.1';

const ROOT = join(__dirname, '../..');

/** The built command: what users run, and without a compiler in its memory. */
export const CLI = join(ROOT, 'dist/src/cli/cli.js');
export const PYTHON_SOURCES = join(ROOT, 'python/src');

export const START_LIMIT_MS = 120_000;
