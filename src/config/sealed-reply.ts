import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

import { LonghaulError } from '../connector/errors';
import type { JsonValue } from '../connector/json';

/** Where an answer can be sealed to, and how the one who holds it opens it. */
export interface ReplyBox {
  /** X25519, SPKI, base64url. */
  readonly publicKey: string;
  /** @throws INTERNAL for what was not sealed to this box. */
  open(sealed: string): JsonValue;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = 'longhaul sealed reply v1';

/** A box for one answer: its private key never leaves this process. */
export function createReplyBox(): ReplyBox {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    publicKey: exportKey(publicKey),
    open: (sealed) => {
      try {
        return open(privateKey, sealed);
      } catch (cause) {
        throw new LonghaulError('INTERNAL', 'The answer was sealed to somebody else, or is damaged.', {
          cause,
        });
      }
    },
  };
}

/** Seals answers so that only the holder of the box reads them. @throws INVALID_TASK for what is no key. */
export function sealerFor(replyKey: string): (answer: unknown) => string {
  const theirs = importKey(replyKey);
  return (answer) => {
    const own = generateKeyPairSync('x25519');
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', sharedKey(own.privateKey, theirs), iv);
    const text = [cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()];
    const body = Buffer.concat([iv, ...text, cipher.getAuthTag()]);
    return `${exportKey(own.publicKey)}.${body.toString('base64url')}`;
  };
}

function open(privateKey: KeyObject, sealed: string): JsonValue {
  const [key = '', text = ''] = sealed.split('.');
  const body = Buffer.from(text, 'base64url');
  const tagAt = body.length - TAG_BYTES;
  const shared = sharedKey(privateKey, importKey(key));
  const decipher = createDecipheriv('aes-256-gcm', shared, body.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(body.subarray(tagAt));
  const answer = Buffer.concat([decipher.update(body.subarray(IV_BYTES, tagAt)), decipher.final()]);
  return JSON.parse(answer.toString('utf8')) as JsonValue; // JSON.parse gives nothing else
}

function sharedKey(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), PURPOSE, 32));
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).toString('base64url');
}

function importKey(text: string): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(text, 'base64url'), type: 'spki', format: 'der' });
  } catch (cause) {
    throw new LonghaulError('INVALID_TASK', 'The key to seal the answer with is no X25519 key.', { cause });
  }
}
