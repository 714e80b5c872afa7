import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { findFreePort } from '../../../src/temporal/ports';
import { waitFor } from '../../../src/temporal/wait';
import { IP, START_LIMIT_MS } from '../places';
import { createProgram, runToEnd, type Program } from '../programs';
import type { Role } from '../watch';
import { createApi, type AirflowApi } from './api';
import { openPeerPython } from './peer-python';

export interface PeerOptions {
  readonly folder: string;
  /** Of the database, as `startPostgres` gives it. */
  readonly database: string;
  /** Environment variables of the workspace's connections. */
  readonly connections: Readonly<Record<string, string>>;
  readonly sizes: readonly number[];
}

export interface Peer {
  readonly api: AirflowApi;
  readonly roles: readonly Role[];
  close(): Promise<void>;
}

/** As its users start them; what is not named in {@link settingsOf} is as it comes. */
const PARTS = ['api-server', 'scheduler', 'dag-processor', 'triggerer'] as const;

/** Airflow itself as its four processes, with the bench's DAGs known to it. */
export async function startPeer(options: PeerOptions): Promise<Peer> {
  const python = await openPeerPython();
  const port = await findFreePort(IP);
  const env = await settingsOf(options, port);
  const { folder } = options;
  await runToEnd({
    name: 'airflow-db',
    command: python,
    args: ['-m', 'airflow', 'db', 'migrate'],
    env,
    folder,
  });
  const api = createApi(`http://${IP}:${port}`);
  const parts = PARTS.map((part) => {
    const own = part === 'api-server' ? ['--host', IP, '--port', String(port)] : [];
    const command = { name: `airflow-${part}`, command: python, args: ['-m', 'airflow', part, ...own] };
    const untilReady = part === 'api-server' ? api.untilServing : () => Promise.resolve();
    return { part, program: createProgram({ ...command, env, folder, untilReady }) };
  });
  for (const { program } of parts) await program.start();
  for (const size of options.sizes) await untilKnown(api, `n${size}`);
  return {
    api,
    roles: parts.map(({ part, program }) => ({ name: part, pid: program.pid })),
    close: () => killAll(parts.map(({ program }) => program)),
  };
}

async function settingsOf(options: PeerOptions, port: number): Promise<Record<string, string>> {
  const { folder, database, connections, sizes } = options;
  const home = join(folder, 'peer-home');
  mkdirSync(home);
  return {
    AIRFLOW_HOME: home,
    AIRFLOW__CORE__DAGS_FOLDER: join(__dirname, 'dags'),
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION: 'False',
    AIRFLOW__CORE__EXECUTOR: 'LocalExecutor',
    AIRFLOW__CORE__PARALLELISM: '32',
    AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG: '1000',
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS: 'True',
    AIRFLOW__CORE__EXECUTION_API_SERVER_URL: `http://${IP}:${port}/execution/`,
    AIRFLOW__API_AUTH__JWT_SECRET: randomBytes(32).toString('base64'),
    AIRFLOW__CORE__FERNET_KEY: randomBytes(32).toString('base64url').padEnd(44, '='),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: `postgresql+psycopg2://${database}`,
    AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT: String(await findFreePort(IP)),
    AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT: String(await findFreePort(IP)),
    ...connections,
    BENCH_SIZES: sizes.join(','),
  };
}

async function untilKnown(api: AirflowApi, dagId: string): Promise<void> {
  const look = async (): Promise<true | undefined> => ((await api.knowsDag(dagId)) ? true : undefined);
  await waitFor(look, { what: `DAG ${dagId} to be known`, limitMs: START_LIMIT_MS, intervalMs: 1_000 });
}

/** Children too: LocalExecutor's outlive a killed scheduler. */
async function killAll(programs: readonly Program[]): Promise<void> {
  await Promise.all(programs.map((program) => program.killTree()));
}
