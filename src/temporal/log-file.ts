import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const ROTATE_AT_BYTES = 10 * 1024 * 1024;
const TAIL_BYTES = 4096;

/** Moves a log of more than 10 MB aside (`FILE.1`, one generation); call it while nobody writes. */
export function rotateLog(file: string): void {
  if (existsSync(file) && statSync(file).size > ROTATE_AT_BYTES) renameSync(file, `${file}.1`);
}

export function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

/** The last lines written after `fromByte`, for an error message; empty when there are none. */
export function tailOf(file: string, fromByte = 0, lines = 15): string {
  if (!existsSync(file)) return '';
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const start = Math.max(fromByte > size ? 0 : fromByte, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - start);
    readSync(handle, bytes, 0, bytes.length, start);
    return bytes.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(handle);
  }
}

/** Gives the whole lines written since the last call, from `fromByte` on. */
export function createLogReader(file: string, fromByte: number): () => string[] {
  let position = fromByte;
  return () => {
    const bytes = readFrom(file, position);
    const end = bytes.lastIndexOf('\n') + 1;
    position += end;
    return bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
  };
}

function readFrom(file: string, position: number): Buffer {
  const length = Math.max(0, sizeOf(file) - position);
  const bytes = Buffer.alloc(length);
  if (length === 0) return bytes;
  const handle = openSync(file, 'r');
  try {
    return bytes.subarray(0, readSync(handle, bytes, 0, length, position));
  } finally {
    closeSync(handle);
  }
}
