/** What a test can ask the simulator about: the external system's own count of what happened to it. */
export interface Counters {
  /** HTTP requests by operation, faulty and rejected ones included. */
  requests: Record<string, number>;
  /** POSTs to `runs/submit` and `run-now`, whatever became of them. */
  submits: number;
  runsCreated: number;
  /** Requests of `runs/get`. */
  gets: number;
  /** By idempotency token: the number of POSTs that carried it, and the run it stands for. */
  tokens: Record<string, { posts: number; runId?: string }>;
  /** By run id (or task run id): the simulated times at which cancel requests arrived. */
  cancels: Record<string, number[]>;
  /** Requests to the OIDC token endpoints. */
  tokenRequests: number;
  /** Of those, by grant type, the refused ones included. */
  tokenGrants: Record<string, number>;
  authRejections: number;
  rateLimited: number;
  lastUserAgent?: string;
}

export interface CountersReport extends Counters {
  /** Runs not yet terminal, queued ones included. */
  activeRuns: number;
  /** The most requests within any ten real seconds since the simulator was started. */
  busiestTenSeconds: number;
  lastSubmitBody?: string;
  /** The last submit bodies as they arrived, oldest first: the digits of a number are there to be seen. */
  submitBodies: string[];
}

export const KEPT_SUBMIT_BODIES = 50;

export function createCounters(): Counters {
  return {
    requests: {},
    submits: 0,
    runsCreated: 0,
    gets: 0,
    tokens: {},
    cancels: {},
    tokenRequests: 0,
    tokenGrants: {},
    authRejections: 0,
    rateLimited: 0,
  };
}

export function countToken(counters: Counters, token: string, runId?: string): void {
  const known = counters.tokens[token] ?? { posts: 0 };
  counters.tokens[token] = runId === undefined ? { ...known, posts: known.posts + 1 } : { ...known, runId };
}
