import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';

import { createConnectorSet } from '../../src/cli/registry';
import { TaskClient } from '../../src/client';
import { startDevServer, type DevServer } from '../../src/temporal/dev-server';
import { findFreePort } from '../../src/temporal/ports';
import { SEARCH_ATTRIBUTE_NAMES } from '../../src/temporal/search-attributes';
import { findTemporalBinary } from '../../src/temporal/temporal-binary';
import { IP } from './places';
import type { Program, Restartable } from './programs';
import { openWorkspace, type BenchWorkspace } from './workspace';
import { createPythonWorker, createTaskWorker } from './workers';
import type { Role } from './watch';

/** Temporal on a file, one task worker, one Airflow worker, one workspace; each can be killed and started again. */
export interface AirflowStage {
  readonly folder: string;
  readonly client: Client;
  readonly tasks: TaskClient;
  readonly workspace: BenchWorkspace;
  readonly temporal: Restartable;
  readonly taskWorker: Program;
  readonly pythonWorker: Program;
  /** All of ours that a user would run. */
  readonly roles: readonly Role[];
  close(): Promise<void>;
}

export interface StageOptions {
  /** How long each run of the workspace lasts. */
  readonly runMs: number;
}

export function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
  chmodSync(folder, 0o755); // a database server refuses to run as root, and must get in
  console.error(`What the processes say: ${folder}/*.log`);
  return folder;
}

export async function openAirflowStage({ runMs }: StageOptions): Promise<AirflowStage> {
  const folder = openFolder();
  const workspace = await openWorkspace(folder, runMs);
  const address = `${IP}:${await findFreePort(IP)}`;
  const temporal = await createTemporal(folder, address);
  await temporal.start();
  const client = new Client({ connection: await Connection.connect({ address }) });
  const surroundings = { folder, address, client, workspace };
  const taskWorker = createTaskWorker(surroundings);
  const pythonWorker = await createPythonWorker(surroundings);
  await Promise.all([taskWorker.start(), pythonWorker.start()]);
  return {
    ...{ folder, client, workspace, temporal, taskWorker, pythonWorker },
    tasks: createTaskClient(client),
    roles: [
      { name: 'Airflow worker (Python)', pid: pythonWorker.pid },
      { name: 'task worker (TypeScript)', pid: taskWorker.pid },
      { name: 'Temporal', pid: temporal.pid },
    ],
    close: async () => {
      await Promise.all([pythonWorker.kill(), taskWorker.kill(), client.connection.close()]);
      await Promise.all([temporal.kill(), workspace.close()]);
    },
  };
}

function createTaskClient(client: Client): TaskClient {
  const { registry } = createConnectorSet({});
  const common = { namespace: 'default', workflowTaskQueue: 'longhaul', secretsAllow: [] };
  return new TaskClient({ ...common, client, registry, searchAttributes: true });
}

/** Keeps its address and its file over a kill. */
async function createTemporal(folder: string, address: string): Promise<Restartable> {
  const home = process.env['LONGHAUL_HOME'] ?? join(homedir(), '.longhaul');
  const { path: binary } = await findTemporalBinary({ env: process.env, home, report: () => undefined });
  const data = join(folder, 'temporal');
  mkdirSync(data);
  const options = {
    binary,
    dbFile: join(data, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    ip: IP,
    port: Number(address.split(':')[1]),
    uiPort: await findFreePort(IP),
    searchAttributes: SEARCH_ATTRIBUTE_NAMES,
  };
  let server: DevServer | undefined;
  return {
    pid: () => server?.pid ?? 0,
    start: async () => {
      server = await startDevServer(options);
    },
    kill: async () => {
      if (server === undefined) return;
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
    },
  };
}
