/** The error codes the simulator answers with, and their HTTP status. Source: Databricks REST errors, SDK error tables. */
const HTTP_STATUS = {
  INVALID_PARAMETER_VALUE: 400,
  MALFORMED_REQUEST: 400,
  INVALID_STATE: 400,
  QUOTA_EXCEEDED: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  ENDPOINT_NOT_FOUND: 404,
  NOT_FOUND: 404,
  RESOURCE_DOES_NOT_EXIST: 404,
  REQUEST_LIMIT_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
  TEMPORARILY_UNAVAILABLE: 503,
} as const;

type ApiErrorCode = keyof typeof HTTP_STATUS;

/** An error the simulated workspace answers with. It never leaves the simulator other than as an HTTP response. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** The header, in seconds or as a date. */
  readonly retryAfter: string | undefined;

  constructor(status: number, code: string, options: { message: string; retryAfter?: string | undefined }) {
    super(options.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.retryAfter = options.retryAfter;
  }
}

export function apiError(code: ApiErrorCode, message: string): ApiError {
  return new ApiError(HTTP_STATUS[code], code, { message });
}

/** Of a request that says something wrong, or names what is not there. */
export function invalidParameter(message: string): ApiError {
  return apiError('INVALID_PARAMETER_VALUE', message);
}

/** A code that fits a bare HTTP status, for faults that name only the status. */
export function codeForStatus(status: number): string {
  const found = Object.entries(HTTP_STATUS).find(([, candidate]) => candidate === status);
  return found?.[0] ?? (status >= 500 ? 'INTERNAL_ERROR' : 'BAD_REQUEST');
}
