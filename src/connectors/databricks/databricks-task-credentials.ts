import { invalidTask, isJsonObject, LonghaulError, type CallContext, type JsonValue } from '../../connector';
import { textAt } from './databricks-json';
import type { WorkspaceAuth } from './databricks-workspace';

/**
 * Which credentials a run was started with, when they are not the workspace's: names only. They stand in the resource
 * meta, so that any worker finds the values again, and finds the rotated ones after a rotation.
 */
export type TaskCredentials =
  | NamedCredentials
  /** Of several kinds that the workspace has, not the one that it prefers. */
  | { readonly kind: 'workspace'; readonly auth: FlyteAuthKind };

/** The kinds of authentication that Flyte's tasks can name. */
export type FlyteAuthKind = Extract<WorkspaceAuth['kind'], 'pat' | 'oauth-m2m' | 'oidc-federation'>;

export type NamedCredentials =
  /** Key `token` of a Kubernetes Secret. */
  | { readonly kind: 'pat'; readonly namespace: string; readonly secret: string }
  /** Keys `client_id`, unless it is given, and `client_secret`. */
  | {
      readonly kind: 'oauth-m2m';
      readonly namespace: string;
      readonly secret: string;
      readonly clientId?: string;
    }
  | {
      readonly kind: 'service-account';
      readonly namespace: string;
      readonly serviceAccount: string;
      readonly clientId: string;
      readonly audience: string;
    }
  | {
      readonly kind: 'token-file';
      readonly tokenFile: string;
      readonly clientId?: string;
      readonly audience?: string;
    };

/** How a workspace is asked with them. */
export function toAuth(credentials: NamedCredentials): WorkspaceAuth {
  switch (credentials.kind) {
    case 'pat':
      return { kind: 'pat', token: secretAt(credentials, 'token') };
    case 'oauth-m2m':
      return {
        kind: 'oauth-m2m',
        clientId: credentials.clientId ?? secretAt(credentials, 'client_id'),
        clientSecret: secretAt(credentials, 'client_secret'),
      };
    case 'service-account': {
      const { namespace, serviceAccount, clientId, audience } = credentials;
      const source = { kind: 'kubernetes', namespace, serviceAccount } as const;
      return { kind: 'oidc-federation', source, clientId, audience };
    }
    case 'token-file': {
      const { tokenFile, kind: _kind, ...exchange } = credentials;
      const token = { $secret: `file:${tokenFile}` };
      return { kind: 'oidc-federation', source: { kind: 'token', token }, ...exchange };
    }
    default:
      return credentials satisfies never;
  }
}

function secretAt(
  { namespace, secret }: { namespace: string; secret: string },
  key: string,
): { $secret: string } {
  return { $secret: `k8s:${namespace}/${secret}/${key}` };
}

/**
 * May this call use them? A meta can be handed in by others than us.
 * @throws PERMISSION_DENIED for those of another namespace, and for a file that tasks may not name.
 */
export async function assertUsable(
  credentials: NamedCredentials,
  { taskExecution, resolveSecret }: Pick<CallContext, 'taskExecution' | 'resolveSecret'>,
): Promise<void> {
  if (credentials.kind === 'token-file') await resolveSecret(`file:${credentials.tokenFile}`);
  else assertOwnNamespace(credentials.namespace, taskExecution?.namespace);
}

/** Outside of any task, as for logs, nobody says whose namespace counts. */
export function assertOwnNamespace(namespace: string, asked: string | undefined): void {
  if (asked === undefined || asked === namespace) return;
  throw new LonghaulError(
    'PERMISSION_DENIED',
    `The run belongs to namespace ${namespace}, and the task that asks for it to ${asked}.`,
  );
}

const FIELD = 'resource_meta.credentials';
const OPTIONAL = ['clientId', 'audience'] as const;

/** Reads what a meta keeps; undefined when it keeps none. @throws INVALID_TASK. */
export function parseTaskCredentials(value: JsonValue | undefined): TaskCredentials | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw invalidTask(FIELD, 'must be an object');
  const text = (key: string): string => {
    const member = value[key];
    if (typeof member === 'string' && member !== '') return member;
    throw invalidTask(`${FIELD}.${key}`, 'must be text');
  };
  const [clientId, audience] = OPTIONAL.map((key) => (value[key] === undefined ? {} : { [key]: text(key) }));
  switch (textAt(value, 'kind') ?? '') {
    case 'workspace':
      return { kind: 'workspace', auth: parseAuthKind(value['auth']) };
    case 'pat':
      return { kind: 'pat', namespace: text('namespace'), secret: text('secret') };
    case 'oauth-m2m':
      return { kind: 'oauth-m2m', namespace: text('namespace'), secret: text('secret'), ...clientId };
    case 'service-account':
      return {
        kind: 'service-account',
        namespace: text('namespace'),
        serviceAccount: text('serviceAccount'),
        clientId: text('clientId'),
        audience: text('audience'),
      };
    case 'token-file':
      return { kind: 'token-file', tokenFile: text('tokenFile'), ...clientId, ...audience };
    default:
      throw invalidTask(`${FIELD}.kind`, 'is not understood here', value['kind']);
  }
}

const AUTH_KINDS: readonly FlyteAuthKind[] = ['pat', 'oauth-m2m', 'oidc-federation'];

function parseAuthKind(value: JsonValue | undefined): FlyteAuthKind {
  const kind = AUTH_KINDS.find((known) => known === value);
  if (kind !== undefined) return kind;
  throw invalidTask(`${FIELD}.auth`, `must be one of ${AUTH_KINDS.join(', ')}`, value);
}
