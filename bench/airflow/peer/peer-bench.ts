import { waitFor } from '../../../src/temporal/wait';
import { RUN_MS } from '../deferrable';
import { measureLoad, type Contestant, type LoadFigures, type TasksEnd } from '../load';
import { openFolder } from '../stage';
import { openWorkspace } from '../workspace';
import { startPeer, type Peer } from './airflow';
import type { AirflowApi, DagRun } from './api';
import { findPostgres, startPostgres, type Postgres } from './postgres';

const RUN_LIMIT_MS = 600_000;
const LOOK_EVERY_MS = 1_000;

/** The same tasks in Airflow itself, on PostgreSQL; undefined where no PostgreSQL is installed. */
export async function measurePeer(sizes: readonly number[]): Promise<readonly LoadFigures[] | undefined> {
  const binaries = findPostgres();
  if (binaries === undefined) return undefined;
  const folder = openFolder();
  const workspace = await openWorkspace(folder, RUN_MS);
  const postgres = await startPostgres(binaries, folder);
  const { connections } = workspace;
  const peer = await startPeer({ folder, database: postgres.address, connections, sizes });
  try {
    const contestant: Contestant = {
      name: 'Airflow 3.3.2',
      workspace,
      roles: rolesOf(peer, postgres),
      runTasks: (tag) => runDag(peer.api, tag),
    };
    const loads: LoadFigures[] = [];
    for (const size of sizes) loads.push(await measureLoad(contestant, size));
    return loads;
  } finally {
    await peer.close();
    await Promise.all([postgres.program.kill(), workspace.close()]);
  }
}

function rolesOf(peer: Peer, { program }: Postgres): Contestant['roles'] {
  return [...peer.roles, { name: 'PostgreSQL', pid: program.pid, apart: true }];
}

/** Ends when Airflow says so itself: its own time of the end counts, not the moment we looked. */
async function runDag(api: AirflowApi, dagId: string): Promise<TasksEnd> {
  const startedAt = Date.now();
  const runId = await api.trigger(dagId);
  const look = async (): Promise<DagRun | undefined> => {
    const run = await api.run(dagId, runId);
    return run.state === 'success' || run.state === 'failed' ? run : undefined;
  };
  const limits = { what: `DAG ${dagId} to end`, limitMs: RUN_LIMIT_MS, intervalMs: LOOK_EVERY_MS };
  const { end_date } = await waitFor(look, limits);
  const states = await api.taskStates(dagId, runId);
  const notSucceeded = states.filter((state) => state !== 'success').length;
  return { wallMs: Date.parse(end_date ?? '') - startedAt, notSucceeded };
}
