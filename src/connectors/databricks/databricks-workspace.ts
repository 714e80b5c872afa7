import { LonghaulError } from '../../connector';

/** How requests to a workspace prove who asks. */
export type WorkspaceAuth =
  | { readonly kind: 'pat'; readonly token: string }
  | { readonly kind: 'oauth-m2m'; readonly clientId: string; readonly clientSecret: string };

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
}

/** One Databricks host with its credentials. The credentials never go to another host. */
export interface Workspace extends WorkspaceHost {
  readonly auth: WorkspaceAuth;
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

function isLoopback(hostname: string): boolean {
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
      'add a profile to ~/.databrickscfg, or set FLYTE_DATABRICKS_INSTANCE and FLYTE_DATABRICKS_ACCESS_TOKEN.';
  return new LonghaulError('CONFIG', message, { advice });
}
