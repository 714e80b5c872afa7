import fs from 'node:fs';
import fsp from 'node:fs/promises';
import path from 'node:path';

import { LonghaulError } from '../connector/errors';
import { isWireObject, parseWireJson, type WireValue } from './wire-json';
import type { WorkspaceState } from './workspace';

/** Keeps the workspace on disk. In memory, all of it does nothing. */
export interface StateFile {
  /**
   * Resolves once everything changed before the call is on disk. Calls made while a write is under way share the next
   * one. Survives a SIGKILL of the simulator at any moment: temporary file, then rename.
   */
  readonly save: () => Promise<void>;
}

/** @throws CONFIG for a file that is no state of ours */
export function readStateFile(file: string): WorkspaceState | undefined {
  if (!fs.existsSync(file)) return undefined;
  const state = parseOrUndefined(fs.readFileSync(file, 'utf8'));
  if (isWireObject(state) && state['version'] === 1) return state as unknown as WorkspaceState; // we wrote it
  throw new LonghaulError('CONFIG', `${file} is not a state file of the simulator.`, {
    advice: 'Name another file with --state, or delete this one.',
  });
}

export function createStateFile(file: string | undefined, toBytes: () => Buffer): StateFile {
  if (file === undefined) return { save: () => Promise.resolve() };
  fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  let writing: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const startWrite = (): Promise<void> => {
    next = undefined;
    const write = writeAtomically(file, toBytes());
    writing = write;
    return write;
  };
  return {
    save: () => (next ??= (writing ?? Promise.resolve()).catch(() => undefined).then(startWrite)),
  };
}

/** The state may hold secrets out of job definitions: only its owner may read it. */
async function writeAtomically(file: string, bytes: Buffer): Promise<void> {
  const temporary = `${file}.new`;
  await fsp.writeFile(temporary, bytes, { mode: 0o600 });
  await fsp.rename(temporary, file);
}

function parseOrUndefined(text: string): WireValue {
  try {
    return parseWireJson(text);
  } catch {
    return undefined;
  }
}
