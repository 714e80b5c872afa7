import { setTimeout as sleep } from 'node:timers/promises';

import { measureLoad, measureRuns, type Contestant, type LoadFigures, type RunFigures } from './load';
import type { Restartable } from './programs';
import { readServerCalls } from './server-calls';
import { openAirflowStage, type AirflowStage } from './stage';
import { awaitResults, countNotSucceeded, databricksSpec, startTasks } from './tasks';

/** Just short of four polls: with 20 s it would be chance whether the fourth one or the fifth sees the end. */
export const RUN_MS = 19_500;
/** While some tasks submit and others wait already. */
const KILL_AFTER_MS = 8_000;
const AWAY_MS = 3_000;

export interface DeferrableFigures {
  readonly loads: readonly LoadFigures[];
  readonly faults: readonly FaultFigures[];
}

export interface FaultFigures extends RunFigures {
  readonly killed: string;
  readonly size: number;
}

/** Deferrable Databricks tasks started at once: each size in turn, then the last again with a kill of each process. */
export async function measureDeferrable(sizes: readonly number[]): Promise<DeferrableFigures> {
  const stage = await openAirflowStage({ runMs: RUN_MS });
  try {
    const contestant = toContestant(stage);
    const loads: LoadFigures[] = [];
    for (const size of sizes) loads.push(await measureLoad(contestant, size));
    return { loads, faults: await measureFaults(stage, sizes.at(-1) ?? 0) };
  } finally {
    await stage.close();
  }
}

function toContestant(stage: AirflowStage): Contestant {
  const { workspace, roles, folder } = stage;
  return {
    ...{ name: 'Longhaul', workspace, roles },
    readCalls: () => readServerCalls(folder),
    runTasks: (tag, size) => runTasks(stage, tag, size),
  };
}

async function runTasks(
  { tasks }: AirflowStage,
  tag: string,
  size: number,
): ReturnType<Contestant['runTasks']> {
  const specs = Array.from({ length: size }, (_, index) => databricksSpec(`${tag}-${index}`));
  const startedAt = performance.now();
  const ids = await startTasks(tasks, tag, specs);
  const results = await awaitResults(tasks, ids);
  const wallMs = performance.now() - startedAt;
  return { wallMs, notSucceeded: countNotSucceeded(results) };
}

async function measureFaults(stage: AirflowStage, size: number): Promise<FaultFigures[]> {
  const victims: readonly (readonly [string, Restartable])[] = [
    ['Airflow worker', stage.pythonWorker],
    ['task worker', stage.taskWorker],
    ['Temporal', stage.temporal],
  ];
  const figures: FaultFigures[] = [];
  for (const [killed, victim] of victims) {
    const tag = `without-${killed.toLowerCase().replace(' ', '-')}`;
    const fault = killLater(victim);
    const row = { killed, size, ...(await measureRuns(toContestant(stage), tag, size)) };
    await fault;
    console.error(`${killed} killed: ${row.wallS.toFixed(1)} s, ${row.duplicates} duplicates`);
    figures.push(row);
  }
  return figures;
}

async function killLater(victim: Restartable): Promise<void> {
  await sleep(KILL_AFTER_MS);
  await victim.kill();
  await sleep(AWAY_MS);
  await victim.start();
}
