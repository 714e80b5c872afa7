import { setTimeout as sleep } from 'node:timers/promises';
import { LonghaulError } from '../../connector';

const GET_TRIES = 3;
/** A longer wish is passed on to the workflow, which waits without holding a worker's slot. */
const LONGEST_INNER_PAUSE_MS = 5_000;
const INNER_PAUSE_MS = 300;
/** A host that hangs until the time-out is not asked again within one call. */
const INNER_BUDGET_MS = 15_000;

/** For what may be repeated: reads. What fails for longer is the activity's to repeat. */
export async function withInnerRetries<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const giveUpAt = performance.now() + INNER_BUDGET_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      signal.throwIfAborted();
      const pauseMs =
        thrown instanceof LonghaulError && isWorthATry(thrown) ? pauseFor(thrown, tries) : undefined;
      if (pauseMs === undefined || tries >= GET_TRIES || performance.now() > giveUpAt) throw thrown;
      await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** What our own budget holds back has waited already as long as a call may. */
function isWorthATry({ retryable, isHeldBack }: LonghaulError): boolean {
  return retryable && !isHeldBack;
}

/** Undefined when the wish is longer than we may hold a worker's slot. */
function pauseFor(error: LonghaulError, tries: number): number | undefined {
  const wished = error.retryAfterMs ?? INNER_PAUSE_MS * tries;
  return wished <= LONGEST_INNER_PAUSE_MS ? wished : undefined;
}

/** A caller that is canceled leaves at once; what it waited for goes on for the others. */
export async function abortable<T>(start: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    // The reason is rethrown untouched: it says whether this is cancellation, time-out or shutdown.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the abort reason goes on untouched
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([start(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
