import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { isNativeError } from 'node:util/types';
import type { EngineFile } from './engine-file';
import { parseJson, type ControlCommand } from './engine-state';

const ANSWER_LIMIT_MS = 10_000;

/** A connection to an engine's control port. */
export interface ControlConnection {
  /** Each answer, as parsed JSON of unknown shape; ends when the connection does. */
  readonly answers: AsyncIterable<unknown>;
  /** Resolves when the connection has ended, from either side. */
  readonly ended: Promise<void>;
  /** From now on the connection no longer keeps this process alive. */
  unref(): void;
  close(): void;
}

/**
 * Connects to the engine that `engine.json` names and sends one command. The first answer must come within 10 s, or
 * the connection is given up: whoever listens there is no engine.
 * @returns undefined when nobody listens.
 */
export async function sendControlCommand(
  file: EngineFile,
  command: ControlCommand,
): Promise<ControlConnection | undefined> {
  const socket = await open(file.controlPort);
  if (socket === undefined) return undefined;
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const lines = createInterface({ input: socket });
  const answers = lines[Symbol.asyncIterator](); // listens from now on, so that no line is lost
  socket.once('close', () => lines.close()); // a reset connection has no `end`
  socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy());
  lines.once('line', () => socket.setTimeout(0));
  socket.write(`${JSON.stringify({ secret: file.secret, command })}\n`);
  return {
    answers: parseLines(answers),
    ended,
    unref: () => void socket.unref(),
    close: () => void socket.destroy(),
  };
}

function open(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(socket));
    socket.on('error', () => resolve(undefined)); // stays: a later reset shows as the end of the connection
  });
}

/** An engine that ends in mid-answer resets the connection: that is its end, too. */
async function* parseLines(lines: AsyncIterable<string>): AsyncGenerator<unknown, void, undefined> {
  try {
    for await (const line of lines) yield parseJson(line);
  } catch (error) {
    if (!isReset(error)) throw error;
  }
}

function isReset(error: unknown): boolean {
  return isNativeError(error) && 'code' in error && error.code === 'ECONNRESET';
}
