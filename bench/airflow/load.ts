import { callsBetween, type ServerCalls } from './server-calls';
import { memoryOf, watch, type Role, type Use } from './watch';
import type { BenchWorkspace, WorkspaceReport } from './workspace';

/** One that runs many deferrable tasks at once: we, or the peer. */
export interface Contestant {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly workspace: BenchWorkspace;
  /** What it has asked of Temporal so far. */
  readonly readCalls?: () => Promise<ServerCalls>;
  /** Runs tasks named `<tag>-0`, `<tag>-1`, …, all at once, to their ends. */
  runTasks(tag: string, size: number): Promise<TasksEnd>;
}

export interface TasksEnd {
  readonly wallMs: number;
  readonly notSucceeded: number;
}

export interface LoadFigures extends RunFigures {
  readonly name: string;
  readonly size: number;
  readonly idleMb: number;
  readonly use: Use;
  /** Calls of Temporal by workers and clients, for each task. */
  readonly callsPerTask?: ServerCalls;
}

export interface RunFigures {
  readonly wallS: number;
  readonly runs: number;
  readonly duplicates: number;
  readonly notSucceeded: number;
  readonly requestsPerRun: number;
  /** From the first submit to the last. */
  readonly spreadS: number;
}

export async function measureLoad(contestant: Contestant, size: number): Promise<LoadFigures> {
  const { name, roles, readCalls } = contestant;
  const idleMb = memoryOf(roles);
  const before = await readCalls?.();
  const stop = watch(roles);
  const figures = await measureRuns(contestant, `n${size}`, size);
  const use = stop();
  console.error(`${name}, ${size} tasks: ${figures.wallS.toFixed(1)} s, ${figures.runs} runs`);
  const load = { name, size, idleMb, use, ...figures };
  if (before === undefined || readCalls === undefined) return load;
  return { ...load, callsPerTask: callsPerTask(before, await readCalls(), size) };
}

function callsPerTask(before: ServerCalls, after: ServerCalls, size: number): ServerCalls {
  const names = Object.keys(after);
  return Object.fromEntries(names.map((name) => [name, callsBetween(before, after, name) / size]));
}

/** The external system's own count of what happened to it. */
export async function measureRuns(
  { workspace, runTasks }: Pick<Contestant, 'workspace' | 'runTasks'>,
  tag: string,
  size: number,
): Promise<RunFigures> {
  const before = await workspace.report();
  const { wallMs, notSucceeded } = await runTasks(tag, size);
  const after = await workspace.report();
  return { wallS: wallMs / 1000, notSucceeded, ...countRuns(before, after, tag) };
}

function countRuns(
  before: WorkspaceReport,
  after: WorkspaceReport,
  tag: string,
): Pick<RunFigures, 'runs' | 'duplicates' | 'requestsPerRun' | 'spreadS'> {
  const runs = after.runs.filter(({ name }) => name.startsWith(`${tag}-`));
  const times = runs.map(({ createdAt }) => createdAt);
  return {
    runs: runs.length,
    duplicates: runs.length - new Set(runs.map(({ name }) => name)).size,
    requestsPerRun: (after.requests - before.requests) / runs.length,
    spreadS: (Math.max(...times) - Math.min(...times)) / 1000,
  };
}
