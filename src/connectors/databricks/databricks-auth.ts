import { LonghaulError, type JsonObject } from '../../connector';
import { numberAt, textAt } from './databricks-json';
import type { WorkspaceAuth } from './databricks-workspace';

/** Asks the workspace's own token endpoint; given by the client, which owns all HTTP. */
export type TokenRequest = (credentials: {
  readonly clientId: string;
  readonly clientSecret: string;
}) => Promise<JsonObject>;

/** Where the bearer token of a workspace comes from. */
export interface TokenSource {
  /** The user agent's word for it. */
  readonly kind: WorkspaceAuth['kind'];
  /** Values that must never be shown. */
  secrets(): readonly string[];
  token(): Promise<string>;
  /**
   * Says that the server no longer accepts `token`. True when another one can be had, so that one more try is
   * worth it; a token that was replaced meanwhile is not thrown away twice.
   */
  reject(token: string): boolean;
}

/** A token is renewed this long before it ends, because servers end it early and clocks differ. */
const REFRESH_EARLY_MS = 120_000;

/** What OAuth servers assume when they do not say: RFC 6749 §5.1 leaves it open, Databricks uses an hour. */
const DEFAULT_LIFETIME_MS = 3_600_000;

/** `monotonicNow` in milliseconds is no wall clock: a skewed or stepping clock must not age a token. */
export function createTokenSource(
  auth: WorkspaceAuth,
  request: TokenRequest,
  monotonicNow: () => number = () => performance.now(),
): TokenSource {
  return auth.kind === 'pat' ? patSource(auth.token) : oauthSource(auth, request, monotonicNow);
}

function patSource(token: string): TokenSource {
  return { kind: 'pat', secrets: () => [token], token: async () => token, reject: () => false };
}

interface IssuedToken {
  readonly value: string;
  readonly refreshAt: number;
  readonly endsAt: number;
}

function oauthSource(
  auth: Extract<WorkspaceAuth, { kind: 'oauth-m2m' }>,
  request: TokenRequest,
  monotonicNow: () => number,
): TokenSource {
  let issued: IssuedToken | undefined;
  let pending: Promise<string> | undefined;

  const renew = async (): Promise<string> => {
    try {
      issued = parseIssuedToken(await request(auth), monotonicNow());
      return issued.value;
    } catch (thrown) {
      // An early renewal that fails costs nothing while the old token still holds.
      if (issued !== undefined && monotonicNow() < issued.endsAt) return issued.value;
      throw thrown;
    } finally {
      pending = undefined;
    }
  };

  return {
    kind: 'oauth-m2m',
    secrets: () => [auth.clientSecret, ...(issued === undefined ? [] : [issued.value])],
    token: async () => {
      if (issued !== undefined && monotonicNow() < issued.refreshAt) return issued.value;
      // One request serves every caller that comes while it is under way.
      pending ??= renew();
      return pending;
    },
    reject: (token) => {
      if (issued?.value === token) issued = undefined;
      return true;
    },
  };
}

function parseIssuedToken(answer: JsonObject, now: number): IssuedToken {
  const value = textAt(answer, 'access_token');
  const type = textAt(answer, 'token_type') ?? 'Bearer';
  if (value === undefined || type.toLowerCase() !== 'bearer') {
    throw new LonghaulError(
      'UNAVAILABLE',
      'The Databricks token endpoint did not answer with a bearer token.',
    );
  }
  const seconds = numberAt(answer, 'expires_in');
  const lifetimeMs = seconds === undefined || seconds <= 0 ? DEFAULT_LIFETIME_MS : seconds * 1000;
  // Short-lived tokens are used for half their life rather than renewed at every call.
  const refreshAt = now + Math.max(lifetimeMs - REFRESH_EARLY_MS, lifetimeMs / 2);
  return { value, refreshAt, endsAt: now + lifetimeMs };
}
