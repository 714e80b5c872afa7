import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

import { LonghaulError } from '../connector/errors';

/** One key of the operator: 32 bytes under a name that appears in every reference sealed with it. */
export interface SealingKey {
  readonly id: string;
  readonly key: Buffer;
}

/**
 * Makes references of values that a protocol forces on us, so that everything else stays readable where tasks are kept.
 * AES-256-GCM; the task it is sealed for is authenticated with it, so that a copied reference opens nowhere else.
 */
export interface Sealing {
  /** `sealed:KEYID:…`, another text each time. */
  seal(value: string, sealedFor: string): string;
  /** @throws SECRET_UNAVAILABLE without the key, for another task, and for a damaged reference. */
  open(reference: string, sealedFor: string): string;
  /** Equal for equal values under the same first key; tells nothing of them without it. */
  digest(values: Readonly<Record<string, string>>): string;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Enough to tell two sets of credentials apart, short enough for the memo. */
const DIGEST_CHARACTERS = 22;

/** The first key seals; every key opens what it sealed, so keys are rotated by putting a new one first. */
export function createSealing(keys: readonly [SealingKey, ...SealingKey[]]): Sealing {
  const [current] = keys;
  return {
    seal: (value, sealedFor) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.key, iv).setAAD(Buffer.from(sealedFor));
      const sealed = Buffer.concat([iv, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `sealed:${current.id}:${sealed.toString('base64url')}`;
    },
    open: (reference, sealedFor) => {
      const [kind, id = '', text = ''] = reference.split(':');
      if (kind !== 'sealed') throw unavailable('is none: what stands in its place is not sealed');
      const found = keys.find((each) => each.id === id);
      if (found === undefined) {
        throw unavailable(`was sealed with the key ${id}, which is not configured here`);
      }
      return openWith(found.key, Buffer.from(text, 'base64url'), sealedFor);
    },
    digest: (values) => {
      const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
      const hmac = createHmac('sha256', current.key).update(JSON.stringify(sorted));
      return hmac.digest('base64url').slice(0, DIGEST_CHARACTERS);
    },
  };
}

function openWith(key: Buffer, sealed: Buffer, sealedFor: string): string {
  const tagAt = sealed.length - TAG_BYTES;
  try {
    // Node takes shorter tags unless told: they would be guessed sooner.
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(sealedFor)).setAuthTag(sealed.subarray(tagAt));
    const value = [decipher.update(sealed.subarray(IV_BYTES, tagAt)), decipher.final()];
    return Buffer.concat(value).toString('utf8');
  } catch (cause) {
    throw unavailable('does not open: it was sealed for another task, or is damaged', cause);
  }
}

function unavailable(what: string, cause?: unknown): LonghaulError {
  return new LonghaulError('SECRET_UNAVAILABLE', `A sealed secret ${what}.`, {
    cause,
    advice: 'Check LONGHAUL_SEALING_KEYS_FILE: service and workers need the same keys.',
  });
}
