import { LonghaulError } from './errors';
import { isJsonObject, type JsonObject, type JsonValue } from './json';
import { matchesPattern } from './pattern';

/** `{ $secret: 'env:NAME' }` anywhere in a spec stands for a value that only the activity ever sees. */
export interface SecretReference extends JsonObject {
  readonly $secret: string;
}

export function isSecretReference(value: JsonValue | undefined): value is SecretReference {
  return isJsonObject(value) && typeof value['$secret'] === 'string' && Object.keys(value).length === 1;
}

/** Every reference in a value, with the path of the field that holds it. */
export function findSecretReferences(value: JsonValue, path = ''): { field: string; reference: string }[] {
  if (isSecretReference(value)) return [{ field: path, reference: value.$secret }];
  if (Array.isArray(value)) {
    return value.flatMap((item: JsonValue, index) => findSecretReferences(item, `${path}[${index}]`));
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    findSecretReferences(item, path === '' ? key : `${path}.${key}`),
  );
}

/** The same value with each reference replaced; for use right before a request, never to be kept. */
export async function resolveSecretReferences(
  value: JsonValue,
  resolve: (reference: string) => Promise<string>,
): Promise<JsonValue> {
  if (isSecretReference(value)) return resolve(value.$secret);
  if (Array.isArray(value)) {
    return Promise.all(value.map((item: JsonValue) => resolveSecretReferences(item, resolve)));
  }
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(
    async ([key, item]) => [key, await resolveSecretReferences(item, resolve)] as const,
  );
  return Object.fromEntries(await Promise.all(members));
}

/** Whose task names a reference, as far as that decides. */
export interface SecretAsker {
  /** Kubernetes namespace of the task. */
  readonly namespace?: string;
}

/**
 * May a task name this reference? `allowed` is the operator's `secrets.allow`: exact references or a trailing `*`.
 * A Secret of Kubernetes is for tasks of its own namespace, whatever the list says.
 * @throws PERMISSION_DENIED naming the field.
 */
export function assertSecretsAllowed(
  spec: JsonValue,
  allowed: readonly string[],
  asker: SecretAsker = {},
): void {
  for (const { field, reference } of findSecretReferences(spec)) {
    if (!allowed.some((pattern) => matchesPattern(pattern, reference))) throw notListed(field, reference);
    if (isForeignSecret(reference, asker)) throw foreign({ field, reference, asker });
  }
}

function isForeignSecret(reference: string, { namespace }: SecretAsker): boolean {
  if (!reference.startsWith(KUBERNETES_PREFIX)) return false;
  return namespace === undefined || !reference.startsWith(`${KUBERNETES_PREFIX}${namespace}/`);
}

/** `k8s:namespace/secret/key`. */
const KUBERNETES_PREFIX = 'k8s:';

function notListed(field: string, reference: string): LonghaulError {
  return new LonghaulError('PERMISSION_DENIED', `${field}: the secret ${reference} is not in secrets.allow`, {
    field,
    advice: 'Ask the operator to list it in LONGHAUL_SECRETS_ALLOW, or name one that is listed.',
  });
}

interface ForeignSecret {
  readonly field: string;
  readonly reference: string;
  readonly asker: SecretAsker;
}

function foreign({ field, reference, asker }: ForeignSecret): LonghaulError {
  const whose = asker.namespace === undefined ? 'has no namespace' : `is of namespace ${asker.namespace}`;
  return new LonghaulError(
    'PERMISSION_DENIED',
    `${field}: the secret ${reference} is for tasks of its own namespace, and this task ${whose}`,
    { field, advice: 'Name a Secret of the namespace in which the task runs.' },
  );
}
