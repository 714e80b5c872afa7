import { SHARE_OF_LOOKS } from './databricks-budget';

/** How often one host may be looked at by all open runs together. */
export interface LookLoad {
  /**
   * Counts a look at a run. @returns the shortest pause until the next one, in milliseconds, with which the looks at all
   * open runs stay within {@link SHARE_OF_LOOKS} of the budget.
   */
  pauseAfter(look: { readonly runId: string; readonly requests: number }): number;
  /** The run has ended, or is not looked at any more. */
  ended(runId: string): void;
}

/** A run not looked at for so long, or three of its pauses, has ended elsewhere. */
const FORGOTTEN_AFTER_MS = 15 * 60_000;

/** `requestsPerSecond` is the whole budget of the host: each process sees the runs of all of them, by and by. */
export function createLookLoad(
  requestsPerSecond: number,
  monotonicNow: () => number = () => performance.now(),
): LookLoad {
  /** The one not seen for longest comes first. */
  const runs = new Map<string, { readonly requests: number; readonly seenAt: number }>();
  let requestsPerRound = 0;
  const forget = (runId: string): void => {
    requestsPerRound -= runs.get(runId)?.requests ?? 0;
    runs.delete(runId);
  };
  const pauseMs = (): number => (requestsPerRound / (requestsPerSecond * SHARE_OF_LOOKS)) * 1000;
  const forgetOld = (now: number): void => {
    const oldest = now - Math.max(FORGOTTEN_AFTER_MS, 3 * pauseMs());
    for (const [runId, { seenAt }] of runs) {
      if (seenAt >= oldest) return;
      forget(runId);
    }
  };
  return {
    pauseAfter: ({ runId, requests }) => {
      const now = monotonicNow();
      forget(runId);
      runs.set(runId, { requests, seenAt: now });
      requestsPerRound += requests;
      forgetOld(now);
      return Math.ceil(pauseMs());
    },
    ended: forget,
  };
}
