import { randomBytes, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { types } from 'node:util';
import { LonghaulError } from '../connector/errors';
import type { LonghaulConfig } from './environment';
import { createSealing, type Sealing, type SealingKey } from './sealing';

type SealingConfig = Pick<LonghaulConfig, 'home' | 'sealingKeysFile' | 'temporal'>;
export type SealingKeys = readonly [SealingKey, ...SealingKey[]];

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/**
 * The keys of `LONGHAUL_SEALING_KEYS_FILE`; undefined when it is not set. For processes of a real installation.
 * A changed file is taken up at the next use, so that keys are rotated without a restart; one that cannot be read any
 * more leaves the keys read before in use, because it may be half written.
 * @throws CONFIG naming file, line and reason, never a key.
 */
export function loadSealing({ sealingKeysFile }: SealingConfig): Sealing | undefined {
  if (sealingKeysFile === undefined) return undefined;
  const sealing = createFileSealing(sealingKeysFile);
  sealing.digest({}); // The first use reads the file: trouble is said now and not with the first task.
  return sealing;
}

/** The same for the engine, which keeps a key of its own where none is configured; made at the first use. */
export function openEngineSealing(config: SealingConfig): Sealing {
  const own = engineKeysFile(config);
  return (
    loadSealing(config) ??
    createFileSealing(own, () => {
      ensureKeysFile(own);
    })
  );
}

/** What a service or a command needs, whichever way it reaches Temporal: the keys its workers have. */
export function openSealing(config: SealingConfig): Sealing | undefined {
  return config.temporal.configured ? loadSealing(config) : openEngineSealing(config);
}

/** Where the engine of a data folder keeps its own key. */
export function engineKeysFile({ home }: Pick<LonghaulConfig, 'home'>): string {
  return join(home, 'sealing.keys');
}

/** Reads a file of keys. @throws CONFIG naming file, line and reason, never a key. */
export function readSealingKeys(file: string): SealingKeys {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const isMissing = types.isNativeError(cause) && 'code' in cause && cause.code === 'ENOENT';
    throw keysError(
      `The file of sealing keys ${file} ${isMissing ? 'does not exist' : 'cannot be read'}.`,
      cause,
    );
  }
  return parseSealingKeys(text, file);
}

/** One key a line, `ID BASE64`; empty lines and lines that begin with `#` say nothing. */
export function parseSealingKeys(text: string, file: string): SealingKeys {
  const keys: SealingKey[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const words = line.trim();
    if (words === '' || words.startsWith('#')) continue;
    const parsed = parseKey(words, keys);
    if (typeof parsed === 'string') throw keysError(`${file}, line ${index + 1}: ${parsed}.`);
    keys.push(parsed);
  }
  const [first, ...others] = keys;
  if (first === undefined) throw keysError(`The file of sealing keys ${file} holds no key.`);
  return [first, ...others];
}

/** The key, or what is wrong with its line. Words are not quoted before both are known for what they are. */
function parseKey(line: string, earlier: readonly SealingKey[]): SealingKey | string {
  const [id = '', encoded, ...rest] = line.split(/\s+/);
  if (encoded === undefined || rest.length > 0) return 'must be an id, a space and a key in base64';
  if (!KEY_ID.test(id)) return 'the id must be 1 to 32 letters, digits, _ or -';
  if (!BASE64.test(encoded)) return 'the key is not base64';
  const key = Buffer.from(encoded, 'base64');
  if (key.length !== KEY_BYTES) return `the key must be ${KEY_BYTES} bytes long and is ${key.length}`;
  if (earlier.some((other) => other.id === id)) return `the id ${id} is there already`;
  const twin = earlier.find((other) => other.key.equals(key));
  return twin === undefined ? { id, key } : `the key of ${id} is that of ${twin.id} again`;
}

function keysError(message: string, cause?: unknown): LonghaulError {
  return new LonghaulError('CONFIG', message, {
    cause,
    field: 'LONGHAUL_SEALING_KEYS_FILE',
    advice: 'Each line is an id and 32 random bytes: echo "k1 $(openssl rand -base64 32)".',
  });
}

function createFileSealing(file: string, prepare: () => void = () => undefined): Sealing {
  let loaded: { readonly stamp: string; readonly sealing: Sealing } | undefined;
  const current = (): Sealing => {
    if (loaded === undefined) prepare();
    // Before the file is read: a change in between is seen as one at the next use.
    const stamp = stampOf(file);
    if (loaded?.stamp !== stamp) loaded = { stamp, sealing: renew(file, loaded?.sealing) };
    return loaded.sealing;
  };
  return {
    seal: (value, sealedFor) => current().seal(value, sealedFor),
    open: (reference, sealedFor) => current().open(reference, sealedFor),
    digest: (values) => current().digest(values),
  };
}

function renew(file: string, present: Sealing | undefined): Sealing {
  try {
    return createSealing(readSealingKeys(file));
  } catch (error) {
    if (present === undefined) throw error;
    return present;
  }
}

/** Changes whenever the file does, also when it is replaced or a link is turned. */
function stampOf(file: string): string {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? 'missing' : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ');
}

/**
 * Makes a file with one key, readable by its owner alone, where there is none. Of several processes one wins and all
 * use what it wrote: the file appears whole, and on disk, or not at all.
 */
function ensureKeysFile(file: string): void {
  if (existsSync(file)) return;
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // An id of its own: what another folder's engine sealed is then seen to be of another key.
    const id = `engine-${randomBytes(4).toString('hex')}`;
    writeDurably(draft, `${id} ${randomBytes(KEY_BYTES).toString('base64')}\n`);
    linkSync(draft, file);
  } catch (cause) {
    if (existsSync(file)) return;
    throw keysError(`The file of sealing keys ${file} cannot be made.`, cause);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A key that is lost with a power cut takes along what it sealed. */
function writeDurably(file: string, text: string): void {
  const handle = openSync(file, 'wx', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
