import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from '@temporalio/client';

import { RUN_MS } from './deferrable';
import { countTimers, describePending, sumOf, type PendingWork } from './pending';
import { openAirflowStage } from './stage';
import { fileSensorSpec, startTasks, untilAllAre } from './tasks';
import { watch, type Use } from './watch';

export interface SensorPlan {
  readonly count: number;
  readonly pokeIntervalS: number;
  /** Of the steady window. */
  readonly seconds: number;
}

export interface SensorFigures {
  readonly plan: SensorPlan;
  readonly use: Use;
  /** From the first start until the last sensor has poked once. */
  readonly pokedAfterS: number;
  readonly pokesPerSecond: number;
  readonly running: number;
  readonly waiting: number;
  readonly timersPerTask: number;
  /** Of one task when the window opens, and when it closes. */
  readonly historyEvents: readonly [number, number];
}

/** Sensors in reschedule mode whose file never comes. */
export async function measureSensors(plan: SensorPlan): Promise<SensorFigures> {
  const stage = await openAirflowStage({ runMs: RUN_MS });
  try {
    const { client, tasks, roles } = stage;
    const file = join(stage.folder, 'never');
    const spec = fileSensorSpec(file, {
      mode: 'reschedule',
      poke_interval: plan.pokeIntervalS,
      timeout: 86_400,
    });
    const startedAt = Date.now();
    const ids = await startTasks(
      tasks,
      'sensor',
      Array.from({ length: plan.count }, () => spec),
    );
    await untilAllAre('poke', tasks, ids);
    const pokedAfterS = (Date.now() - startedAt) / 1000;
    return {
      plan,
      pokedAfterS,
      ...(await measureWindow({ client, ids, seconds: plan.seconds }, () => watch(roles))),
    };
  } finally {
    await stage.close();
  }
}

interface Window {
  readonly client: Client;
  readonly ids: readonly string[];
  readonly seconds: number;
}

async function measureWindow(
  { client, ids, seconds }: Window,
  startWatch: () => () => Use,
): Promise<Omit<SensorFigures, 'plan' | 'pokedAfterS'>> {
  const [before, openedAt] = [await describePending(client, ids), Date.now()];
  const stop = startWatch();
  await sleep(seconds * 1000);
  const use = stop();
  const [after, closedAt] = [await describePending(client, ids), Date.now()];
  return {
    use,
    pokesPerSecond: ((triesOf(after) - triesOf(before)) * 1000) / (closedAt - openedAt),
    running: sumOf(after.map(({ running }) => running)),
    waiting: sumOf(after.map(({ waiting }) => waiting)),
    timersPerTask: await countTimers(client, ids[0] ?? ''),
    historyEvents: [longestOf(before), longestOf(after)],
  };
}

function triesOf(pending: readonly PendingWork[]): number {
  return sumOf(pending.map(({ tries }) => tries));
}

function longestOf(pending: readonly PendingWork[]): number {
  return Math.max(...pending.map(({ historyLength }) => historyLength));
}
