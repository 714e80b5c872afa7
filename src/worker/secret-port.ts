import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import type { SecretPort } from '../../activities';
import type { Sealing } from '../config/sealing';
import { createRedactor, type Redactor } from '../config/redactor';
import { createSecretResolver, type SecretSources } from '../config/secret-resolver';
import type { Environment } from '../config/temporal-settings';
import { LonghaulError } from '../connector/errors';
import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';

export interface SecretPortOptions extends SecretSources {
  readonly env: Environment;
  /** The operator's `secrets.allow`. */
  readonly allowed: readonly string[];
  /** Credentials of the workspaces: never asked for by a task, redacted all the same. */
  readonly operatorSecrets: readonly string[];
  /** Tells each credential that a workspace's token source reads or is issued, from now on. */
  readonly onIssued?: (learn: (value: string) => void) => void;
  /** Opens what came sealed with a task; nothing does without keys. */
  readonly sealing?: Sealing | undefined;
}

/** Issued tokens end within hours and come anew for months: the latest of them are enough, and keep redaction quick. */
const MOST_ISSUED = 64;

/**
 * Resolves what tasks may name, and redacts every value that such a name could stand for: also in a failure that
 * arrives hours later on another worker, which never resolved it itself.
 */
export function createSecretPort(options: SecretPortOptions): SecretPort {
  const { allowed } = options;
  const resolver = createSecretResolver({ ...options, readFile: (path) => readFile(path, 'utf8') });
  const known = new Set([...options.operatorSecrets, ...valuesOf(options)]);
  const issued = new Set<string>();
  let redactor = createRedactor(known);
  const renew = (): void => {
    redactor = createRedactor([...known, ...issued]);
  };
  const learn = (value: string): void => {
    if (known.has(value)) return;
    known.add(value);
    renew();
  };
  options.onIssued?.((value) => {
    if (issued.has(value)) return;
    issued.add(value);
    const [oldest] = issued;
    if (issued.size > MOST_ISSUED && oldest !== undefined) issued.delete(oldest);
    renew();
  });
  return {
    allowed,
    resolve: async (reference, asker) => {
      const value = await resolver(reference, asker);
      learn(value);
      return value;
    },
    open: (reference, sealedFor) => {
      const value = openSealed(options, reference, sealedFor);
      learn(value);
      return Promise.resolve(value);
    },
    redact: (value) => redactAny(redactor, value),
  };
}

function openSealed({ sealing }: SecretPortOptions, reference: string, sealedFor: string): string {
  if (sealing !== undefined) return sealing.open(reference, sealedFor);
  throw new LonghaulError(
    'SECRET_UNAVAILABLE',
    'A sealed secret came with the task; no sealing key is set.',
    {
      advice: 'Set LONGHAUL_SEALING_KEYS_FILE to the same keys as the service has.',
    },
  );
}

/** Activity results are JSON by contract; redaction keeps their shape. */
function redactAny<T>(redactor: Redactor, value: T): T {
  if (typeof value === 'string') return redactor.redactText(value) as T;
  return redactMembers(redactor, value as JsonValue) as T;
}

/** Holds no secrets by contract, and a secret that happens to be part of a run id must not make its job unfindable. */
const IDENTITY_FIELDS: ReadonlySet<string> = new Set(['meta', 'externalId']);

function redactMembers(redactor: Redactor, value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return redactor.redactJson(value);
  const members = Object.entries(value).map(([key, item]) =>
    IDENTITY_FIELDS.has(key) ? [key, item] : [redactor.redactText(key), redactMembers(redactor, item)],
  );
  return Object.fromEntries(members) as JsonObject; // fromEntries loses the member type
}

function valuesOf({ env, allowed }: SecretPortOptions): string[] {
  return allowed.flatMap((pattern) => {
    if (pattern.startsWith('env:')) return environmentValues(env, pattern.slice('env:'.length));
    if (pattern.startsWith('file:') && !pattern.endsWith('*')) {
      return fileValue(pattern.slice('file:'.length));
    }
    return [];
  });
}

function environmentValues(env: Environment, pattern: string): string[] {
  const prefix = pattern.endsWith('*') ? pattern.slice(0, -1) : undefined;
  const names = Object.keys(env).filter((name) =>
    prefix === undefined ? name === pattern : name.startsWith(prefix),
  );
  return names.flatMap((name) => env[name] ?? []);
}

function fileValue(path: string): string[] {
  try {
    return [readFileSync(path, 'utf8').replace(/\r?\n$/, '')];
  } catch {
    return [];
  }
}
