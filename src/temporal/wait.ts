import { setTimeout as sleep } from 'node:timers/promises';
import { LonghaulError } from '../connector/errors';

export interface WaitOptions {
  /** What is awaited, for the message. */
  readonly what: string;
  readonly limitMs: number;
  /** Pause between two looks; default 50 ms. */
  readonly intervalMs?: number;
}

/**
 * Asks `probe` until it gives something. What `probe` throws ends the wait.
 * @throws UNAVAILABLE after `limitMs`.
 */
export async function waitFor<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  options: WaitOptions,
): Promise<T> {
  const endAt = Date.now() + options.limitMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() >= endAt) throw tooLate(options.what, options.limitMs);
    await sleep(options.intervalMs ?? 50);
  }
}

/** The same promise, given up after `limitMs`. @throws UNAVAILABLE then. */
export async function withLimit<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  const timer = new AbortController();
  const limit = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw tooLate(what, limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    timer.abort();
    limit.catch(() => undefined); // the aborted timer has no listener left
  }
}

function tooLate(what: string, limitMs: number): LonghaulError {
  return new LonghaulError('UNAVAILABLE', `${what}: not within ${limitMs / 1000} s`);
}
