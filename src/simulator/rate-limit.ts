import { ApiError } from './api-error';

type RetryAfterForm = 'seconds' | 'date' | 'none';

/** Rates are real requests per real second. */
export interface RateOptions {
  /** Over all operations. Default: no limit. */
  readonly ratePerSecond?: number;
  /** By operation, beside it; an operation that is not named has none of its own. */
  readonly rates?: Readonly<Record<string, number>>;
  /** How the 429 names the second to wait. Default `seconds`. */
  readonly rateRetryAfter?: RetryAfterForm;
  /** Default `REQUEST_LIMIT_EXCEEDED`. */
  readonly rateCode?: 'REQUEST_LIMIT_EXCEEDED' | 'RESOURCE_EXHAUSTED';
}

/** @throws ApiError 429 for a request beyond a limit */
export type RateLimit = (operation: string, realNow: number) => void;

export function createRateLimit(options: RateOptions): RateLimit {
  const overall = createWindow(options.ratePerSecond ?? Number.POSITIVE_INFINITY);
  const own = new Map(Object.entries(options.rates ?? {}).map(([name, rate]) => [name, createWindow(rate)]));
  return (operation, realNow) => {
    const windows = [overall, own.get(operation)].filter((window) => window !== undefined);
    if (!windows.every((window) => window.hasRoom(realNow))) throw tooMany(options, realNow);
    for (const window of windows) window.take(realNow);
  };
}

/** Requests of the last second; one that is refused does not count. */
function createWindow(rate: number) {
  let recent: number[] = [];
  return {
    hasRoom: (realNow: number) => {
      recent = recent.filter((at) => at > realNow - 1000);
      return recent.length < rate;
    },
    take: (realNow: number) => {
      if (Number.isFinite(rate)) recent.push(realNow);
    },
  };
}

function tooMany({ rateRetryAfter, rateCode }: RateOptions, realNow: number): ApiError {
  return new ApiError(429, rateCode ?? 'REQUEST_LIMIT_EXCEEDED', {
    message: 'Current request has exceeded the rate limit of the workspace.',
    retryAfter: retryAfterText(rateRetryAfter ?? 'seconds', realNow),
  });
}

/** A date has whole seconds, so it is rounded up: one second is the least to wait. */
function retryAfterText(form: RetryAfterForm, realNow: number): string | undefined {
  switch (form) {
    case 'seconds':
      return '1';
    case 'date':
      return new Date(Math.ceil(realNow / 1000 + 1) * 1000).toUTCString();
    case 'none':
      return undefined;
    default:
      return form satisfies never;
  }
}
