/** Long enough to see a budget, short enough to see a crowd. */
const WINDOW_MS = 10_000;

/** Counts the requests to the API and to the token endpoints as they arrive, whatever becomes of them. */
export interface Arrivals {
  readonly note: () => void;
  /** The most within any ten real seconds so far. */
  readonly busiest: () => number;
}

export function createArrivals(realNow: () => number = () => performance.now()): Arrivals {
  let recent: number[] = [];
  let most = 0;
  return {
    note: () => {
      const now = realNow();
      recent = [...recent.filter((at) => at > now - WINDOW_MS), now];
      most = Math.max(most, recent.length);
    },
    busiest: () => most,
  };
}
