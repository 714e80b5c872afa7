import { isGrpcServiceError } from '@temporalio/client';
import type { ErrorCode } from '../connector/errors';

/** What a caller can act on. All else, a dropped connection included, is an outage: it may pass. */
const CODES: Readonly<
  Record<number, 'NOT_FOUND' | 'INVALID_TASK' | 'PERMISSION_DENIED' | 'UNAUTHENTICATED'>
> = {
  3: 'INVALID_TASK',
  5: 'NOT_FOUND',
  7: 'PERMISSION_DENIED',
  16: 'UNAUTHENTICATED',
};

/** Our code for a failed call to Temporal. Source: google.rpc.Code. */
export function codeOfGrpc(
  error: unknown,
): Extract<
  ErrorCode,
  'UNAVAILABLE' | 'NOT_FOUND' | 'INVALID_TASK' | 'PERMISSION_DENIED' | 'UNAUTHENTICATED'
> {
  const cause = error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : error;
  const status: number | undefined = isGrpcServiceError(cause) ? cause.code : undefined;
  return (status === undefined ? undefined : CODES[status]) ?? 'UNAVAILABLE';
}
