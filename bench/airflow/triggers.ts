import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RUN_MS } from './deferrable';
import { describePending } from './pending';
import { callsBetween, HEARTBEAT, readServerCalls } from './server-calls';
import { openAirflowStage, type AirflowStage } from './stage';
import { awaitResults, countNotSucceeded, fileSensorSpec, startTasks, untilAllAre } from './tasks';
import { memoryOf, watch, type Role, type Use } from './watch';

export interface TriggerPlan {
  readonly count: number;
  /** Of the steady window. */
  readonly seconds: number;
}

export interface TriggerFigures {
  readonly count: number;
  readonly idleMb: number;
  readonly steadyMb: number;
  readonly seconds: number;
  readonly use: Use;
  readonly heartbeatsPerSecond: number;
  /** From the first start until the last trigger waits. */
  readonly deferredAfterS: number;
  /** Of one task from start to end. */
  readonly historyEvents: number;
  readonly notSucceeded: number;
}

const POLL_S = 30;

/** Triggers that wait for a file and look for it every 30 s; at last it comes, and all tasks end. */
export async function measureTriggers({ count, seconds }: TriggerPlan): Promise<TriggerFigures> {
  const stage = await openAirflowStage({ runMs: RUN_MS });
  try {
    const [worker] = stage.roles.filter(({ pid }) => pid === stage.pythonWorker.pid);
    const python = worker === undefined ? [] : [worker];
    const idleMb = memoryOf(python);
    const folder = join(stage.folder, 'files');
    mkdirSync(folder);
    const file = join(folder, 'awaited');
    const spec = fileSensorSpec(file, { deferrable: true, poke_interval: POLL_S, timeout: 86_400 });
    const startedAt = Date.now();
    const ids = await startTasks(
      stage.tasks,
      'trigger',
      Array.from({ length: count }, () => spec),
    );
    await untilAllAre('trigger', stage.tasks, ids);
    const deferredAfterS = (Date.now() - startedAt) / 1000;
    const steady = await measureSteady(stage, python, seconds);
    writeFileSync(file, 'here');
    const results = await awaitResults(stage.tasks, ids);
    const notSucceeded = countNotSucceeded(results);
    const [one] = await describePending(stage.client, ids.slice(0, 1));
    const historyEvents = one?.historyLength ?? 0;
    return {
      count,
      seconds,
      idleMb,
      ...steady,
      deferredAfterS,
      historyEvents,
      notSucceeded,
    };
  } finally {
    await stage.close();
  }
}

async function measureSteady(
  { roles, folder }: AirflowStage,
  python: readonly Role[],
  seconds: number,
): Promise<Pick<TriggerFigures, 'use' | 'steadyMb' | 'heartbeatsPerSecond'>> {
  const before = await readServerCalls(folder);
  const stop = watch(roles);
  await sleep(seconds * 1000);
  const use = stop();
  const beats = callsBetween(before, await readServerCalls(folder), HEARTBEAT);
  return { use, steadyMb: memoryOf(python), heartbeatsPerSecond: beats / seconds };
}
