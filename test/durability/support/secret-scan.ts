import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A part this long of a secret is a leak as well: texts are cut somewhere. */
const SHORTEST_PART = 10;

/** A place where no part of any secret may be found, and what stands there. */
export interface Place {
  readonly where: string;
  readonly text: string;
}

/** Says where which secret, or a part of it, stands: in clear, in base64 (alone or within more), or in hexadecimal. */
export function findSecrets(secrets: Readonly<Record<string, string>>, places: readonly Place[]): string[] {
  return places.flatMap(({ where, text }) =>
    Object.entries(secrets)
      .filter(([, value]) => partsOf(value).some((part) => text.includes(part)))
      .map(([name]) => `${name} in ${where}`),
  );
}

function partsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [...windowsOf(secret), ...base64.flatMap(windowsOf), bytes.toString('hex')];
}

function windowsOf(text: string): string[] {
  const count = Math.max(0, text.length - SHORTEST_PART + 1);
  return Array.from({ length: count }, (_, start) => text.slice(start, start + SHORTEST_PART));
}

/** Any value with its bytes as text: payloads of Temporal hold our JSON as bytes. */
export function toText(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (isBytes(item)) return Buffer.from(item).toString('utf8');
    return typeof item === 'bigint' ? String(item) : item;
  });
}

/** Buffers reach a replacer as what their `toJSON` gave. */
function isBytes(value: unknown): value is Uint8Array | number[] {
  return value instanceof Uint8Array;
}

/** Every file below a folder, byte for byte: nothing escapes what is really on the disk. */
export function readFolder(folder: string): Place[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ where: path, text: readFileSync(path, 'latin1') }));
}
