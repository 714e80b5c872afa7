import { closeSync, constants, openSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { isNativeError } from 'node:util/types';

/** The right to be the engine of a data folder. The kernel takes it back when the process dies, however it dies. */
export interface EngineLock {
  release(): Promise<void>;
}

/** macOS: open(2) takes an flock with it. Node does not name the flag. */
const O_EXLOCK = 0x20;

/**
 * Takes the lock of an existing data folder.
 * No pid files, no staleness, no takeover race: on Linux it is an abstract socket named after the folder's inode, on
 * macOS an flock. It holds within one machine (on Linux: one network namespace); a folder shared between containers
 * needs its own care.
 * @returns undefined when another process holds it.
 */
export function acquireEngineLock(home: string): Promise<EngineLock | undefined> {
  return process.platform === 'linux' ? lockBySocket(home) : lockByFile(home);
}

/** An abstract socket name has one owner and no file: it is gone with its process. */
function lockBySocket(home: string): Promise<EngineLock | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: socketNameOf(home) }, () => {
      resolve({ release: () => new Promise((released) => server.close(() => released())) });
    });
  });
}

/** By inode, so that every spelling of the folder's path means the same lock. */
function socketNameOf(home: string): string {
  const { dev, ino, uid } = statSync(home, { bigint: true });
  return `\0longhaul-engine-${uid}-${dev}-${ino}`;
}

async function lockByFile(home: string): Promise<EngineLock | undefined> {
  const { O_RDWR, O_CREAT, O_NONBLOCK } = constants;
  try {
    const handle = openSync(join(home, 'engine.lock'), O_RDWR | O_CREAT | O_NONBLOCK | O_EXLOCK, 0o600);
    return { release: async () => closeSync(handle) };
  } catch (error) {
    if (isHeld(error)) return undefined;
    throw error;
  }
}

function isHeld(error: unknown): boolean {
  return isNativeError(error) && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EWOULDBLOCK');
}
