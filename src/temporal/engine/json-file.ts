import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';

/** Replaces a file in one step, so that a reader or a crash never sees half of it. Readable by its owner alone. */
export function writeJsonFile(file: string, value: object): void {
  const draft = `${file}.${randomUUID()}.tmp`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** The file's JSON, or undefined when it is missing or none. */
export function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
