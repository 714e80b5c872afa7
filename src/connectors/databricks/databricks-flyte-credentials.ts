import {
  invalidTask,
  LonghaulError,
  type CallContext,
  type JsonObject,
  type KubernetesApi,
  type ServiceAccount,
} from '../../connector';
import type { FlyteAuthKind, NamedCredentials } from './databricks-task-credentials';

/** Flyte's words for its kinds of authentication. */
const AUTH_TYPES: Readonly<Record<string, FlyteAuthKind>> = {
  pat: 'pat',
  oauth_m2m: 'oauth-m2m',
  oidc_federation: 'oidc-federation',
};

/** What a Flyte task says of its credentials: names only, never values. */
export interface FlyteCredentialWish {
  readonly kind?: FlyteAuthKind;
  readonly tokenSecret?: string;
  readonly oauthSecret?: string;
  readonly clientId?: string;
  readonly tokenFile?: string;
  readonly audience?: string;
}

/** What the operator says for tasks that do not. */
export interface FlyteCredentialDefaults {
  readonly kind?: FlyteAuthKind;
  readonly oauthSecret?: string;
  readonly audience?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Flyte's own variables. An unknown kind is told when the workspace is used. */
export function readFlyteDefaults(env: Environment): {
  serviceCredentialProvider?: string;
  credentials: FlyteCredentialDefaults;
} {
  const provider = env['FLYTE_DATABRICKS_SERVICE_CREDENTIAL_PROVIDER'];
  const kind =
    AUTH_TYPES[(env['FLYTE_DATABRICKS_AUTH_TYPE'] ?? '').trim().toLowerCase().replaceAll('-', '_')];
  const oauthSecret = env['FLYTE_DATABRICKS_OAUTH_SECRET_NAME'];
  const audience = env['FLYTE_DATABRICKS_OIDC_AUDIENCE'];
  return {
    ...(provider === undefined ? {} : { serviceCredentialProvider: provider }),
    credentials: {
      ...(kind === undefined ? {} : { kind }),
      ...(oauthSecret === undefined || oauthSecret === '' ? {} : { oauthSecret }),
      ...(audience === undefined || audience === '' ? {} : { audience }),
    },
  };
}

/** Reads the members of a Flyte template that choose credentials. @throws INVALID_TASK naming the field. */
export function parseCredentialWish(custom: JsonObject): FlyteCredentialWish {
  const kind = parseKind(custom);
  const members = {
    tokenSecret: nameAt(custom, 'databricksTokenSecret'),
    oauthSecret: nameAt(custom, 'databricksOauthSecret'),
    clientId: nameAt(custom, 'databricksClientId'),
    tokenFile: nameAt(custom, 'databricksOidcTokenFile'),
    audience: nameAt(custom, 'databricksOidcAudience'),
  };
  const present = Object.entries(members).filter(([, value]) => value !== undefined);
  return { ...(kind === undefined ? {} : { kind }), ...Object.fromEntries(present) };
}

function parseKind(custom: JsonObject): FlyteAuthKind | undefined {
  const text = nameAt(custom, 'databricksAuthType');
  if (text === undefined) return undefined;
  const kind = AUTH_TYPES[text.toLowerCase()];
  if (kind !== undefined) return kind;
  throw invalidTask(
    'custom.databricksAuthType',
    `must be one of ${Object.keys(AUTH_TYPES).join(', ')}`,
    text,
  );
}

/** A null and an empty text count as absent, as for Flyte. */
function nameAt(custom: JsonObject, key: string): string | undefined {
  const value = custom[key];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw invalidTask(`custom.${key}`, 'must be text', value);
}

export interface CredentialSurroundings {
  readonly defaults: FlyteCredentialDefaults;
  /** The cluster, where this process knows one; without it the workspace's own credentials count. */
  readonly kubernetes: KubernetesApi | undefined;
  /** Of the task. */
  readonly namespace: string | undefined;
  readonly call: Pick<CallContext, 'resolveSecret' | 'logger'>;
}

const DEFAULT_TOKEN_SECRET = 'databricks-token';
const DEFAULT_OAUTH_SECRET = 'databricks-oauth';
const DEFAULT_AUDIENCE = 'databricks';

/**
 * Flyte's rules: what the task's namespace holds comes before what the operator configured. Undefined: the operator's.
 * @throws SECRET_UNAVAILABLE for a Secret that the task names and that is not there, CONFIG for an ambiguous
 * ServiceAccount, PERMISSION_DENIED for a token file that is not allowed, UNAVAILABLE when the cluster does not answer.
 */
export async function chooseCredentials(
  wish: FlyteCredentialWish,
  surroundings: CredentialSurroundings,
): Promise<NamedCredentials | undefined> {
  const kind = wish.kind ?? surroundings.defaults.kind ?? 'pat';
  if (kind === 'oidc-federation' && wish.tokenFile !== undefined) {
    return fromTokenFile(wish, wish.tokenFile, surroundings);
  }
  const { kubernetes, namespace } = surroundings;
  if (kubernetes === undefined || namespace === undefined || namespace === '') return undefined;
  const place: Place = { ...surroundings, kubernetes, namespace };
  switch (kind) {
    case 'pat':
      return fromTokenSecret(wish, place);
    case 'oauth-m2m':
      return fromOauthSecret(wish, place);
    case 'oidc-federation':
      return fromServiceAccount(wish, place);
    default:
      return kind satisfies never;
  }
}

interface Place extends CredentialSurroundings {
  readonly kubernetes: KubernetesApi;
  readonly namespace: string;
}

/** A task names files of the worker only as far as `secrets.allow` lets it. */
async function fromTokenFile(
  { clientId, audience }: FlyteCredentialWish,
  tokenFile: string,
  { call }: CredentialSurroundings,
): Promise<NamedCredentials> {
  await call.resolveSecret(`file:${tokenFile}`);
  return {
    kind: 'token-file',
    tokenFile,
    ...(clientId === undefined ? {} : { clientId }),
    ...(audience === undefined ? {} : { audience }),
  };
}

async function fromTokenSecret(
  { tokenSecret = DEFAULT_TOKEN_SECRET }: FlyteCredentialWish,
  place: Place,
): Promise<NamedCredentials | undefined> {
  const isNamed = tokenSecret !== DEFAULT_TOKEN_SECRET;
  const members = await readSecret(place, tokenSecret, isNamed);
  if (presence(members?.['token'])) return { kind: 'pat', namespace: place.namespace, secret: tokenSecret };
  if (isNamed) throw missing(place, tokenSecret, 'token');
  return undefined;
}

async function fromOauthSecret(
  { oauthSecret, clientId }: FlyteCredentialWish,
  place: Place,
): Promise<NamedCredentials | undefined> {
  const secret = oauthSecret ?? place.defaults.oauthSecret ?? DEFAULT_OAUTH_SECRET;
  const isNamed = secret !== DEFAULT_OAUTH_SECRET;
  const members = await readSecret(place, secret, isNamed);
  const isWhole = presence(members?.['client_secret']) && presence(clientId ?? members?.['client_id']);
  if (isWhole) {
    const ofClient = clientId === undefined ? {} : { clientId };
    return { kind: 'oauth-m2m', namespace: place.namespace, secret, ...ofClient };
  }
  if (isNamed) throw missing(place, secret, 'client_id and client_secret');
  return undefined;
}

function presence(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '';
}

/** The default name is tried; that a worker may not look is then no reason to fail, and worth a word. */
async function readSecret(
  { kubernetes, namespace, call }: Place,
  name: string,
  isNamed: boolean,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    return await kubernetes.readSecret({ namespace, name });
  } catch (thrown) {
    if (isNamed || !isRefusal(thrown)) throw thrown;
    call.logger.warn(
      'The Secret of the namespace cannot be read; the workspace’s own credentials are used.',
      {
        ...{ namespace, secret: name, reason: thrown.message },
      },
    );
    return undefined;
  }
}

function isRefusal(thrown: unknown): thrown is LonghaulError {
  return thrown instanceof LonghaulError && thrown.code === 'SECRET_UNAVAILABLE';
}

function missing({ namespace }: Place, name: string, keys: string): LonghaulError {
  return new LonghaulError(
    'SECRET_UNAVAILABLE',
    `The Secret ${name} with ${keys} is not in namespace ${namespace}.`,
    { advice: 'Create it there, or name another one in the task.' },
  );
}

const LABEL = 'flyte.org/databricks-enabled=true';
const CLIENT_ID_ANNOTATION = 'flyte.org/databricks-client-id';
const AUDIENCE_ANNOTATION = 'flyte.org/databricks-audience';

async function fromServiceAccount(
  wish: FlyteCredentialWish,
  place: Place,
): Promise<NamedCredentials | undefined> {
  const { namespace, defaults } = place;
  const account = await findServiceAccount(place);
  if (account === undefined) return undefined;
  const clientId = wish.clientId ?? account.annotations[CLIENT_ID_ANNOTATION];
  if (clientId === undefined || clientId === '') {
    throw serviceAccountError(
      `The ServiceAccount ${namespace}/${account.name} lacks the annotation ${CLIENT_ID_ANNOTATION}.`,
    );
  }
  const annotated = account.annotations[AUDIENCE_ANNOTATION];
  const audience = wish.audience ?? annotated ?? defaults.audience ?? DEFAULT_AUDIENCE;
  return { kind: 'service-account', namespace, serviceAccount: account.name, clientId, audience };
}

async function findServiceAccount({
  kubernetes,
  namespace,
  call,
}: Place): Promise<ServiceAccount | undefined> {
  let accounts: readonly ServiceAccount[];
  try {
    accounts = await kubernetes.listServiceAccounts({ namespace, labelSelector: LABEL });
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    call.logger.warn('ServiceAccounts cannot be listed; the workspace’s own credentials are used.', {
      ...{ namespace, reason: thrown.message },
    });
    return undefined;
  }
  const [only, ...others] = accounts;
  if (others.length === 0) return only;
  const names = accounts.map(({ name }) => name).join(', ');
  throw serviceAccountError(
    `Namespace ${namespace} has ${accounts.length} ServiceAccounts with ${LABEL}: ${names}.`,
  );
}

function serviceAccountError(message: string): LonghaulError {
  return new LonghaulError('CONFIG', message, {
    advice: `Exactly one ServiceAccount of the namespace carries ${LABEL} and ${CLIENT_ID_ANNOTATION}.`,
  });
}
