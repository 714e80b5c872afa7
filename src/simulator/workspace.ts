import type { ClockState } from './clock';
import { createCounters, type Counters } from './counters';
import type { Attempt, Job, Run } from './model';
import type { OutcomeRule } from './outcomes';
import { toWireJson, type WireValue } from './wire-json';
import { allAttempts, createRunBook, type RunBook } from './run-book';

const FIRST_ID = '9007199254740993'; // 2^53 + 1: whoever parses ids as doubles mixes them up

const COMMA = Buffer.from(',');

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
  readonly runs: ReadonlyMap<string, Run>;
  readonly book: RunBook;
  readonly addRun: (run: Run) => void;
  readonly removeRun: (run: Run) => void;
  /** Idempotency token → run id; kept when the run is deleted, so that the token cannot start another. */
  readonly tokens: Map<string, string>;
  /** OAuth access token → simulated time of expiry. */
  readonly accessTokens: Map<string, number>;
  readonly counters: Counters;
  outcomes: readonly OutcomeRule[];
  /** When jobs were created, submitted runs included: simulated times of the last hour. */
  readonly creations: number[];
  readonly newId: () => string;
  findAttempt(taskRunId: string): { readonly run: Run; readonly attempt: Attempt } | undefined;
  /** {@link WorkspaceState} as JSON. */
  toBytes(clock: ClockState): Buffer;
}

/** @param firstId where ids begin if nothing is saved yet */
export function createWorkspace(saved?: WorkspaceState, firstId = FIRST_ID): Workspace {
  let nextId = BigInt(saved?.nextId ?? firstId);
  const runs = new Map((saved?.runs ?? []).map((run) => [run.runId, run]));
  const book = createRunBook(runs.values());
  const workspace: Workspace = {
    jobs: new Map((saved?.jobs ?? []).map((job) => [job.jobId, job])),
    runs,
    book,
    addRun: (run) => {
      runs.set(run.runId, run);
      book.touch(run);
    },
    removeRun: (run) => {
      runs.delete(run.runId);
      book.drop(run);
    },
    creations: [],
    tokens: new Map(Object.entries(saved?.tokens ?? {})),
    accessTokens: new Map(Object.entries(saved?.accessTokens ?? {})),
    counters: { ...createCounters(), ...saved?.counters },
    outcomes: saved?.outcomes ?? [],
    newId: () => String(nextId++),
    findAttempt: (taskRunId) => {
      const run = book.runOfAttempt(taskRunId);
      const attempt = run && allAttempts(run).find(({ runId }) => runId === taskRunId);
      return run && attempt && { run, attempt };
    },
    toBytes: (clock) => {
      const { tokens, accessTokens, counters, jobs, outcomes } = workspace;
      const plain = {
        version: 1,
        nextId: nextId.toString(),
        clock,
        tokens: Object.fromEntries(tokens),
        accessTokens: Object.fromEntries(accessTokens),
        counters,
      };
      const rest = toWireJson({ outcomes, jobs: [...jobs.values()] } as unknown as WireValue); // plain JSON data
      const separated = Array.from(runs.values(), book.bytesOf).flatMap((bytes) => [COMMA, bytes]);
      const head = `${JSON.stringify(plain).slice(0, -1)},${rest.slice(1, -1)},"runs":[`;
      return Buffer.concat([Buffer.from(head), ...separated.slice(1), Buffer.from(']}')]);
    },
  };
  return workspace;
}
