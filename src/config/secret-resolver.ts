import { isAbsolute } from 'node:path';
import { LonghaulError } from '../connector/errors';
import type { KubernetesApi } from '../connector/kubernetes';
import { assertSecretsAllowed, type SecretAsker } from '../connector/secret-reference';
import type { Environment } from './temporal-settings';

/** Where references are looked up beside the environment and files; what is absent is not resolved here. */
export interface SecretSources {
  /** Of `k8s:namespace/secret/key`. */
  readonly kubernetes?: KubernetesApi | undefined;
  /** Of `profile:NAME` and `profile:NAME/key`: one key of a Databricks profile. */
  readonly readProfile?: ((name: string, key: string) => string | undefined) | undefined;
}

export interface SecretResolverOptions extends SecretSources {
  readonly env: Environment;
  /** Reads a whole text file. */
  readonly readFile: (path: string) => Promise<string>;
  /** Exact references, or with a trailing `*`. */
  readonly allowed: readonly string[] | 'all';
}

/** `asker` is the task that names the reference; the operator's own configuration has none. */
export type AskedSecretResolver = (reference: string, asker?: SecretAsker) => Promise<string>;

/**
 * Resolves `env:NAME`, `file:/PATH`, `profile:NAME/KEY` and `k8s:NAMESPACE/SECRET/KEY` just before use; nothing is
 * cached, so what was rotated is seen at once. Messages name the reference, never a value. One line break at the end of
 * a file is not part of the secret. `allowed: 'all'` is for the operator's own configuration only: it may read the
 * Secrets of every namespace.
 * @throws PERMISSION_DENIED for what is not allowed, SECRET_UNAVAILABLE for what has no value here, UNAVAILABLE when
 * the cluster does not answer, UNSUPPORTED for another kind of reference.
 */
export function createSecretResolver(options: SecretResolverOptions): AskedSecretResolver {
  return async (reference, asker) => {
    const { allowed } = options;
    if (allowed !== 'all') assertSecretsAllowed({ secret: { $secret: reference } }, allowed, asker);
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
    case 'profile':
      return readProfileKey(reference, name, options);
    case 'k8s':
      return readKubernetesSecret(reference, name, options);
    default:
      throw unsupported(reference, 'is of a kind that is not resolved here');
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

/** `profile:NAME` is its token. A profile's name may hold slashes; its keys never do. */
function readProfileKey(reference: string, name: string, { readProfile }: SecretSources): string | undefined {
  if (readProfile === undefined) throw unsupported(reference, 'needs Databricks profiles');
  const slash = name.lastIndexOf('/');
  return slash < 0 ? readProfile(name, 'token') : readProfile(name.slice(0, slash), name.slice(slash + 1));
}

async function readKubernetesSecret(
  reference: string,
  path: string,
  { kubernetes }: SecretSources,
): Promise<string | undefined> {
  if (kubernetes === undefined) {
    throw unavailable(reference, 'is in Kubernetes, and this process knows no cluster');
  }
  const [namespace = '', name = '', key = '', ...rest] = path.split('/');
  if (namespace === '' || name === '' || key === '' || rest.length > 0) {
    throw unsupported(reference, 'is not of the form k8s:namespace/secret/key');
  }
  return (await kubernetes.readSecret({ namespace, name }))?.[key];
}

/** `file:/secrets/*` must not open `/secrets/../etc/passwd`. */
function assertPlainPath(reference: string, path: string): void {
  if (isAbsolute(path) && !path.split('/').includes('..')) return;
  throw new LonghaulError(
    'PERMISSION_DENIED',
    `The secret ${reference} must be an absolute path without "..".`,
  );
}

function unsupported(reference: string, what: string): LonghaulError {
  return new LonghaulError('UNSUPPORTED', `The secret ${reference} ${what}.`, {
    advice: 'Name it as env:NAME, file:/PATH, profile:NAME/KEY or k8s:NAMESPACE/SECRET/KEY.',
  });
}

function unavailable(reference: string, what: string, cause?: unknown): LonghaulError {
  return new LonghaulError('SECRET_UNAVAILABLE', `The secret ${reference} ${what}.`, {
    cause,
    advice: 'Set it where the worker runs; the value itself never belongs into a task.',
  });
}
