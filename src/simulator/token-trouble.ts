import { ApiError, apiError } from './api-error';

export const EXPIRED_STATUSES = [401, 403] as const;

/** How the workspace judges the age of OAuth tokens. */
export interface TokenTrouble {
  /** Simulated seconds its clock is ahead: it rejects a token so much too early, or, if negative, too late. Default 0. */
  readonly skewSeconds: number;
  /** How it answers to an expired token. Default 401. */
  readonly expiredStatus: (typeof EXPIRED_STATUSES)[number];
}

export const NO_TOKEN_TROUBLE: TokenTrouble = { skewSeconds: 0, expiredStatus: 401 };

/** @throws ApiError when the token is too old */
export function assertNotExpired(expiresAt: number, now: number, trouble: TokenTrouble): void {
  if (expiresAt > now + trouble.skewSeconds * 1000) return;
  if (trouble.expiredStatus === 401) throw apiError('UNAUTHENTICATED', 'Token is expired.');
  throw new ApiError(403, 'PERMISSION_DENIED', { message: 'Invalid access token. The token is expired.' });
}
