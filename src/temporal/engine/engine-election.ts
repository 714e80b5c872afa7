import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { sendControlCommand } from './engine-control-client';
import { readEngineFile } from './engine-file';
import { acquireEngineLock, type EngineLock } from './engine-lock';
import { parseEngineState } from './engine-state';

const RETRY_MS = 100;

/**
 * Takes the lock of a data folder. While its holder is starting or serving there is nothing to wait for: it can be
 * joined. One that is stopping, or that does not answer yet, is waited for up to `waitMs`.
 * @returns undefined when another process is the engine.
 */
export async function becomeEngine(home: string, waitMs: number): Promise<EngineLock | undefined> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const endAt = Date.now() + waitMs;
  for (;;) {
    const lock = await acquireEngineLock(home);
    if (lock !== undefined) return lock;
    if (Date.now() >= endAt || (await canBeJoined(home))) return undefined;
    await sleep(RETRY_MS);
  }
}

async function canBeJoined(home: string): Promise<boolean> {
  const file = readEngineFile(home);
  const connection = file && (await sendControlCommand(file, 'hold'));
  if (connection === undefined) return false;
  for await (const answer of connection.answers) {
    connection.close();
    const state = parseEngineState(answer)?.state;
    return state === 'starting' || state === 'serving';
  }
  return false;
}
