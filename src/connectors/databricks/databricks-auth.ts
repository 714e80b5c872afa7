import type { WorkspaceAuth } from './databricks-workspace';

/** What one request for credentials gave. */
export interface Grant {
  readonly token: string;
  /** Beside `Authorization`, as Azure and Google want them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Undefined where nobody said. `Infinity` for what does not end. */
  readonly lifetimeMs?: number | undefined;
  /** Asked for anew after this long although it does not end; by default two minutes before the end. */
  readonly refreshAfterMs?: number;
}

/** Gets credentials anew, each time it is asked. One for each kind of authentication. */
export interface TokenIssuer {
  /** The user agent's word for it. */
  readonly kind: WorkspaceAuth['kind'];
  /** False where asking again would give the same. */
  readonly renewable: boolean;
  issue(): Promise<Grant>;
}

/** Where the bearer token of a workspace comes from. */
export interface TokenSource {
  readonly kind: WorkspaceAuth['kind'];
  /** Values that must never be shown. */
  secrets(): readonly string[];
  token(): Promise<string>;
  /** Sent beside the token. */
  headers(): Readonly<Record<string, string>>;
  /**
   * Says that the server no longer accepts `token`. True when another one can be had, so that one more try is
   * worth it; a token that was replaced meanwhile is not thrown away twice.
   */
  reject(token: string): boolean;
  /** How long the present token holds; undefined before the first one and for what does not end. */
  remainingMs(): number | undefined;
}

/** A token is renewed this long before it ends, because servers end it early and clocks differ. */
const REFRESH_EARLY_MS = 120_000;

/** What OAuth servers assume when they do not say: RFC 6749 §5.1 leaves it open, Databricks uses an hour. */
const DEFAULT_LIFETIME_MS = 3_600_000;

/** An early renewal that failed is not repeated by each of hundreds of callers. */
const RENEWAL_PAUSE_MS = 30_000;

/** A replacement refused as soon as this is refused for good: one caller in this time may try yet another. */
const REJECTION_PAUSE_MS = 2_000;

interface IssuedToken extends Grant {
  readonly refreshAt: number;
  readonly endsAt: number;
}

/**
 * The one cache for every kind: one request for all callers, early renewal, and a failed one that hurts nobody while
 * the old token holds. `monotonicNow` in milliseconds is no wall clock: a skewed or stepping clock must not age a token.
 */
export function createTokenSource(
  issuer: TokenIssuer,
  monotonicNow: () => number = () => performance.now(),
): TokenSource {
  let issued: IssuedToken | undefined;
  let pending: Promise<string> | undefined;
  let rejectedAt = Number.NEGATIVE_INFINITY;
  const renew = async (): Promise<string> => {
    try {
      issued = toIssued(await issuer.issue(), monotonicNow());
      return issued.token;
    } catch (thrown) {
      const now = monotonicNow();
      if (issued === undefined || now >= issued.endsAt) throw thrown;
      issued = { ...issued, refreshAt: now + RENEWAL_PAUSE_MS };
      return issued.token;
    } finally {
      pending = undefined;
    }
  };
  return {
    kind: issuer.kind,
    secrets: () => (issued === undefined ? [] : [issued.token, ...Object.values(issued.headers ?? {})]),
    token: async () => {
      if (issued !== undefined && monotonicNow() < Math.min(issued.refreshAt, issued.endsAt)) {
        return issued.token;
      }
      // One request serves every caller that comes while it is under way.
      pending ??= renew();
      return pending;
    },
    headers: () => issued?.headers ?? {},
    reject: (token) => {
      if (!issuer.renewable) return false;
      if (issued?.token !== token) return true;
      if (monotonicNow() - rejectedAt < REJECTION_PAUSE_MS) return false;
      rejectedAt = monotonicNow();
      issued = undefined;
      return true;
    },
    remainingMs: () => {
      if (issued === undefined || issued.endsAt === Number.POSITIVE_INFINITY) return undefined;
      return Math.max(0, issued.endsAt - monotonicNow());
    },
  };
}

function toIssued(grant: Grant, now: number): IssuedToken {
  const { lifetimeMs: given } = grant;
  const lifetimeMs = given === undefined || given <= 0 ? DEFAULT_LIFETIME_MS : given;
  // Short-lived tokens are used for half their life rather than renewed at every call.
  const refreshAfterMs = grant.refreshAfterMs ?? Math.max(lifetimeMs - REFRESH_EARLY_MS, lifetimeMs / 2);
  const refreshAt = now + refreshAfterMs;
  return { ...grant, refreshAt, endsAt: now + lifetimeMs };
}
