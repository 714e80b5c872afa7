import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

import type { Logger } from '../connector/connector';
import { LonghaulError } from '../connector/errors';

/** How long a withdrawn token may still be accepted. */
const CHECK_INTERVAL_MS = 1000;

/** Tells whether a token is among those of a file, in the same time whichever it is. */
export type TokenCheck = (token: string) => boolean;

/**
 * The valid tokens are the file's lines that are not blank. It is read again within a second of a change, so tokens
 * rotate without a restart: add the new one, move the callers, remove the old one. A file that has become unreadable
 * or empty is warned of and changes nothing: a half-written file must lock nobody out.
 * @throws CONFIG when it is missing or empty at first.
 */
export function openTokenFile(file: string, logger: Logger): TokenCheck {
  let version = versionOf(file);
  let digests = readDigests(file);
  let checkedAt = Date.now();
  const refresh = (now: number): void => {
    if (now - checkedAt < CHECK_INTERVAL_MS) return;
    checkedAt = now;
    try {
      const current = versionOf(file);
      if (current === version) return;
      version = current;
      digests = readDigests(file);
      logger.info(`The tokens of ${file} were read again: ${digests.length}.`);
    } catch (error) {
      logger.warn(`${LonghaulError.from(error).message} The tokens known before stay valid.`);
    }
  };
  return (token) => {
    refresh(Date.now());
    const digest = digestOf(token);
    return digests.reduce((found, valid) => timingSafeEqual(valid, digest) || found, false);
  };
}

/** Changes whenever the file does. A Kubernetes secret is replaced by another file under the same name. */
function versionOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function readDigests(file: string): Buffer[] {
  const tokens = readText(file)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (tokens.length === 0) {
    const advice = 'Put one token on each line.';
    throw new LonghaulError('CONFIG', `The token file ${file} is empty.`, { advice });
  }
  return tokens.map(digestOf);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): LonghaulError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LonghaulError('CONFIG', `Cannot read the token file ${file}: ${reason}`, { cause });
}

/** Equal lengths, which timingSafeEqual asks for, and no token in memory. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
