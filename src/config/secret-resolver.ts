import { isAbsolute } from 'node:path';
import type { SecretResolver } from '../connector/connector';
import { LonghaulError } from '../connector/errors';
import { assertSecretsAllowed } from '../connector/secret-reference';
import type { Environment } from './temporal-settings';

export interface SecretResolverOptions {
  readonly env: Environment;
  /** Reads a whole text file. */
  readonly readFile: (path: string) => Promise<string>;
  /** Exact references, or with a trailing `*`; `['*']` for the operator's own configuration. */
  readonly allowed: readonly string[];
}

/**
 * Resolves `env:NAME` and `file:/PATH` just before use; nothing is cached, so a rotated file is seen at once.
 * Messages name the reference, never a value. One line break at the end of a file is not part of the secret.
 * @throws PERMISSION_DENIED for what is not allowed, SECRET_UNAVAILABLE for what has no value here, UNSUPPORTED for
 * another kind of reference.
 */
export function createSecretResolver(options: SecretResolverOptions): SecretResolver {
  return async (reference) => {
    assertSecretsAllowed({ secret: { $secret: reference } }, options.allowed);
    const value = await readSecret(reference, options);
    if (value !== undefined && value !== '') return value;
    throw unavailable(reference, 'has no value here');
  };
}

async function readSecret(reference: string, options: SecretResolverOptions): Promise<string | undefined> {
  const [kind, name] = splitReference(reference);
  switch (kind) {
    case 'env':
      return options.env[name];
    case 'file':
      return readSecretFile(reference, name, options.readFile);
    default:
      throw new LonghaulError(
        'UNSUPPORTED',
        `The secret ${reference} is of a kind that is not resolved here.`,
        {
          advice: 'Name it as env:NAME or file:/PATH.',
        },
      );
  }
}

function splitReference(reference: string): [kind: string, name: string] {
  const colon = reference.indexOf(':');
  return colon < 0 ? ['', reference] : [reference.slice(0, colon), reference.slice(colon + 1)];
}

async function readSecretFile(
  reference: string,
  path: string,
  readFile: SecretResolverOptions['readFile'],
): Promise<string> {
  assertPlainPath(reference, path);
  try {
    return (await readFile(path)).replace(/\r?\n$/, '');
  } catch (error) {
    throw unavailable(reference, 'cannot be read', error);
  }
}

/** `file:/secrets/*` must not open `/secrets/../etc/passwd`. */
function assertPlainPath(reference: string, path: string): void {
  if (isAbsolute(path) && !path.split('/').includes('..')) return;
  throw new LonghaulError(
    'PERMISSION_DENIED',
    `The secret ${reference} must be an absolute path without "..".`,
  );
}

function unavailable(reference: string, what: string, cause?: unknown): LonghaulError {
  return new LonghaulError('SECRET_UNAVAILABLE', `The secret ${reference} ${what}.`, {
    cause,
    advice: 'Set it where the worker runs; the value itself never belongs into a task.',
  });
}
