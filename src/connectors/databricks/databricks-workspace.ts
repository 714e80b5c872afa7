import { LonghaulError, type JsonObject, type SecretReference } from '../../connector';

/** A value, or where it is read each time it is needed: `{ $secret: 'file:/run/secrets/token' }`. */
export type SecretText = string | SecretReference;

/** How requests to a workspace prove who asks. Databricks' own word for each kind stands in `databricks-auth-methods`. */
export type WorkspaceAuth =
  | { readonly kind: 'pat'; readonly token: SecretText }
  | { readonly kind: 'oauth-m2m'; readonly clientId: SecretText; readonly clientSecret: SecretText }
  | OidcFederationAuth
  | AzureAuth
  | GoogleAuth;

/** A token of somebody else, exchanged for one of Databricks (RFC 8693). */
export interface OidcFederationAuth {
  readonly kind: 'oidc-federation';
  readonly source: IdentityTokenSource;
  /** Of the service principal; without it Databricks goes by the account's federation policies. */
  readonly clientId?: SecretText;
  /** Asked of those who issue tokens for an audience; default is the workspace's token endpoint. */
  readonly audience?: string;
}

export type IdentityTokenSource =
  /** Read anew for each exchange. */
  | { readonly kind: 'token'; readonly token: SecretText }
  | { readonly kind: 'github' }
  | { readonly kind: 'azure-devops' }
  /** The TokenRequest API for one ServiceAccount. */
  | { readonly kind: 'kubernetes'; readonly namespace: string; readonly serviceAccount: string };

export type AzureAuth = AzureWorkspace &
  (
    | { readonly kind: 'azure-cli'; readonly tenantId?: string }
    | { readonly kind: 'azure-managed-identity'; readonly clientId?: string }
    | {
        readonly kind: 'azure-client-secret';
        readonly clientId: SecretText;
        readonly clientSecret: SecretText;
        /** Found at the workspace when not given. */
        readonly tenantId?: string;
      }
  );

export interface AzureWorkspace {
  /** Azure's id of the workspace: for identities that are no users of it yet. */
  readonly resourceId?: string;
  readonly environment?: AzureEnvironment;
}

export type AzureEnvironment = 'PUBLIC' | 'USGOVERNMENT' | 'CHINA';

export type GoogleAuth =
  /** The machine's default credentials, acting as this service account. */
  | { readonly kind: 'google-id'; readonly serviceAccount: string }
  /** A service account's key: its JSON, or the path of the file. */
  | { readonly kind: 'google-credentials'; readonly credentials: SecretText };

/** How fast a workspace may be asked, all processes of one installation having the same figures. */
export interface WorkspaceLimits {
  /** All HTTP requests together: pages, outputs, tokens and repeated ones included. */
  readonly requestsPerSecond?: number;
  /** Of these, requests that start something. */
  readonly submitsPerSecond?: number;
}

/** A Databricks host that credentials may be sent to. */
export interface WorkspaceHost {
  readonly name: string;
  /** Origin such as `https://dbc-1.cloud.databricks.com`; `http://` on this machine only. */
  readonly host: string;
  /** Longest time one HTTP request may take; default {@link DEFAULT_REQUEST_TIMEOUT_MS}. */
  readonly requestTimeoutMs?: number;
  readonly limits?: WorkspaceLimits;
  /** Members of the request body where a task says nothing. */
  readonly defaults?: JsonObject;
  /** Projects whose tasks may run here: exact, or with a trailing `*`. Absent: all, and tasks without a project. */
  readonly projects?: readonly string[];
}

/** One Databricks host with its credentials. The credentials never go to another host. */
export interface Workspace extends WorkspaceHost {
  readonly auth: WorkspaceAuth;
  /** Other kinds that are configured for it too, for Flyte tasks that name their kind. */
  readonly otherAuths?: readonly WorkspaceAuth[];
}

/** Databricks' SDKs wait a minute for an answer; so do we. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;

/**
 * The origin of a host as people write it: `https://` is added, path and `:443` are dropped.
 * @throws CONFIG for anything else, and for `http://` to another machine, where a token would travel in clear.
 */
export function normalizeHost(text: string): string {
  const trimmed = text.trim();
  const url = parseOrigin(trimmed.includes('://') ? trimmed : `https://${trimmed}`);
  if (url?.username !== '' || url.password !== '') {
    throw configError('The Databricks host is not a plain host name or URL.');
  }
  if (url.protocol === 'https:') return url.origin;
  if (url.protocol === 'http:' && isLoopback(url.hostname)) return url.origin;
  throw configError(
    `The Databricks host ${url.host} must be reached by https; http is for this machine only.`,
  );
}

export function parseOrigin(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** The host as a resource meta keeps it: Flyte's form without scheme, except for plain http. */
export function toInstance(host: string): string {
  return host.replace(/^https:\/\//, '');
}

/** What is missing, and by default how to configure a workspace. */
export function configError(message: string, options: { advice?: string } = {}): LonghaulError {
  const advice =
    options.advice ??
    'Set DATABRICKS_HOST with DATABRICKS_TOKEN (or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET), ' +
      'add a profile to ~/.databrickscfg or a file named by LONGHAUL_WORKSPACES, or set FLYTE_DATABRICKS_INSTANCE and ' +
      'FLYTE_DATABRICKS_ACCESS_TOKEN.';
  return new LonghaulError('CONFIG', message, { advice });
}
