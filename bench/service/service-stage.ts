import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { request } from 'undici';

import { DEFAULT_TOKEN } from '../../src/simulator';
import { startServer } from '../stage';
import type { Workspace } from './requests';
import {
  startLonghaul,
  startLonghaulWorker,
  startPython,
  type ServingProcess,
  type Surroundings,
} from './servers';

/** A day: no job ends while it is looked at. */
const RUN_MS = 86_400_000;

/** Temporal, one simulated workspace, and the three services before it. */
export interface ServiceStage {
  readonly workspace: Workspace;
  readonly temporal: { readonly pid: number; readonly address: string };
  readonly simulator: ServingProcess;
  readonly longhaul: ServingProcess;
  readonly flytekit: ServingProcess;
  readonly flyte2: ServingProcess;
  /** For CreateTask: no worker any more, and runs end as soon as they begin, so that the workspace stays quick. */
  prepareCreates(): Promise<void>;
  close(): Promise<void>;
}

export async function openServiceStage(): Promise<ServiceStage> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
  console.error(`What the servers say: ${join(folder, 'servers.log')}`);
  const temporal = await startServer(folder);
  const simulator = await startLonghaul('simulate', { folder, env: {} });
  const workspace = { instance: simulator.address, token: DEFAULT_TOKEN };
  await setRunTime(workspace, RUN_MS);
  const surroundings: Surroundings = { folder, env: environment(folder, temporal.address, workspace) };
  const longhaul = await startLonghaul('serve', surroundings);
  const stopWorker = await startLonghaulWorker(surroundings);
  const flytekit = await startPython('flytekit', surroundings);
  const flyte2 = await startPython('flyte2', surroundings);
  return {
    ...{ workspace, temporal, simulator, longhaul, flytekit, flyte2 },
    prepareCreates: async () => {
      await stopWorker();
      await setRunTime(workspace, 0);
    },
    close: async () => {
      await stopWorker();
      for (const server of [longhaul, flytekit, flyte2, simulator]) await server.stop();
      await temporal.stop();
    },
  };
}

function environment(folder: string, temporalAddress: string, workspace: Workspace): Surroundings['env'] {
  const keys = join(folder, 'sealing.keys');
  writeFileSync(keys, `bench ${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  return {
    TEMPORAL_ADDRESS: temporalAddress,
    DATABRICKS_HOST: `http://${workspace.instance}`,
    DATABRICKS_TOKEN: workspace.token,
    LONGHAUL_LOG_LEVEL: 'warn',
    LONGHAUL_SEALING_KEYS_FILE: keys,
    _FSEC_FLYTE_DATABRICKS_ACCESS_TOKEN: workspace.token,
  };
}

/** Of runs that are there and of those to come. */
async function setRunTime({ instance }: Workspace, runMs: number): Promise<void> {
  const rule = { match: { runName: '*' }, outcome: { pendingMs: 0, runMs } };
  const { body } = await request(`http://${instance}/simulator/outcomes`, {
    method: 'POST',
    body: JSON.stringify(rule),
  });
  await body.dump();
}
