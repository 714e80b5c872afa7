import type { ClockState } from './clock';
import { createCounters, type Counters } from './counters';
import type { Attempt, Job, Run } from './model';
import type { OutcomeRule } from './outcomes';

const FIRST_ID = '9007199254740993'; // 2^53 + 1: whoever parses ids as doubles mixes them up

/** All that is kept in the state file. */
export interface WorkspaceState {
  readonly version: 1;
  readonly nextId: string;
  readonly clock: ClockState;
  readonly jobs: readonly Job[];
  readonly runs: readonly Run[];
  readonly tokens: Readonly<Record<string, string>>;
  readonly accessTokens: Readonly<Record<string, number>>;
  readonly outcomes: readonly OutcomeRule[];
  readonly counters: Counters;
}

/** The workspace's memory: jobs, runs, idempotency tokens. It decides nothing. */
export interface Workspace {
  readonly jobs: Map<string, Job>;
  readonly runs: Map<string, Run>;
  /** Idempotency token → run id; kept when the run is deleted, so that the token cannot start another. */
  readonly tokens: Map<string, string>;
  /** OAuth access token → simulated time of expiry. */
  readonly accessTokens: Map<string, number>;
  readonly counters: Counters;
  outcomes: readonly OutcomeRule[];
  readonly newId: () => string;
  findAttempt(taskRunId: string): { readonly run: Run; readonly attempt: Attempt } | undefined;
  toState(clock: ClockState): WorkspaceState;
}

export function createWorkspace(saved?: WorkspaceState): Workspace {
  let nextId = BigInt(saved?.nextId ?? FIRST_ID);
  const runs = new Map((saved?.runs ?? []).map((run) => [run.runId, run]));
  const workspace: Workspace = {
    jobs: new Map((saved?.jobs ?? []).map((job) => [job.jobId, job])),
    runs,
    tokens: new Map(Object.entries(saved?.tokens ?? {})),
    accessTokens: new Map(Object.entries(saved?.accessTokens ?? {})),
    counters: { ...createCounters(), ...saved?.counters },
    outcomes: saved?.outcomes ?? [],
    newId: () => String(nextId++),
    findAttempt: (taskRunId) => {
      for (const run of runs.values()) {
        const attempt = run.attempts.find((candidate) => candidate.runId === taskRunId);
        if (attempt !== undefined) return { run, attempt };
      }
      return undefined;
    },
    toState: (clock) => ({
      version: 1,
      nextId: nextId.toString(),
      clock,
      jobs: [...workspace.jobs.values()],
      runs: [...runs.values()],
      tokens: Object.fromEntries(workspace.tokens),
      accessTokens: Object.fromEntries(workspace.accessTokens),
      outcomes: workspace.outcomes,
      counters: workspace.counters,
    }),
  };
  return workspace;
}
