import { request } from 'undici';

import { findFreePort } from '../../src/temporal/ports';
import { waitFor } from '../../src/temporal/wait';
import { DEFAULT_TOKEN, type CountersReport } from '../../src/simulator';
import { simulatedConnections } from '../../src/worker/airflow-variables';
import { createProgram } from './programs';
import { CLI, IP, START_LIMIT_MS } from './places';

/** The stand-in of Databricks, in a process of its own; its runs only sleep. */
export interface BenchWorkspace {
  /** Airflow's connections to it, as environment variables. */
  readonly connections: Readonly<Record<string, string>>;
  report(): Promise<WorkspaceReport>;
  close(): Promise<void>;
}

export interface WorkspaceReport {
  /** Those of this bench left out. */
  readonly requests: number;
  readonly runs: readonly WorkspaceRun[];
}

export interface WorkspaceRun {
  readonly name: string;
  readonly createdAt: number;
}

const PENDING_MS = 300;
/** The workspace's own: from the end of the program until the run is terminated. */
const TERMINATING_MS = 300;

/** @param lastsMs from the submit of a run until it is terminated */
export async function openWorkspace(folder: string, lastsMs: number): Promise<BenchWorkspace> {
  const port = await findFreePort(IP);
  const url = `http://${IP}:${port}`;
  const simulator = createProgram({
    name: 'workspace',
    command: process.execPath,
    args: [CLI, 'simulate', '--port', String(port)],
    env: {},
    folder,
    untilReady: async () => {
      await waitFor(() => isHealthy(url), { what: 'the workspace', limitMs: START_LIMIT_MS });
    },
  });
  await simulator.start();
  const outcome = { pendingMs: PENDING_MS, runMs: lastsMs - PENDING_MS - TERMINATING_MS };
  await post(`${url}/simulator/outcomes`, { match: { runName: '*' }, outcome });
  return {
    connections: connectionsTo(url),
    report: () => readReport(url),
    close: () => simulator.kill(),
  };
}

function connectionsTo(url: string): Record<string, string> {
  const variables = Object.entries(simulatedConnections({ url, token: DEFAULT_TOKEN }));
  return Object.fromEntries(
    variables.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

async function isHealthy(url: string): Promise<true | undefined> {
  const answer = await request(`${url}/simulator/health`).catch(() => undefined);
  await answer?.body.dump();
  return answer?.statusCode === 200 ? true : undefined;
}

async function post(url: string, body: unknown): Promise<void> {
  const answer = await request(url, { method: 'POST', body: JSON.stringify(body) });
  await answer.body.dump();
}

async function readReport(url: string): Promise<WorkspaceReport> {
  const answer = await request(`${url}/simulator/counters`);
  const { requests: byOperation } = (await answer.body.json()) as CountersReport;
  const { list: _ours, ...theirs } = byOperation;
  const requests = Object.values(theirs).reduce((sum, count) => sum + count, 0);
  return { requests, runs: await listRuns(url) };
}

interface RunsPage {
  readonly runs?: readonly { readonly run_name: string; readonly start_time: number }[];
  readonly next_page_token?: string;
}

async function listRuns(url: string): Promise<WorkspaceRun[]> {
  const headers = { authorization: `Bearer ${DEFAULT_TOKEN}` };
  const runs: WorkspaceRun[] = [];
  for (let token: string | undefined = ''; token !== undefined;) {
    const answer = await request(`${url}/api/2.2/jobs/runs/list?page_token=${token}`, { headers });
    const page = (await answer.body.json()) as RunsPage;
    runs.push(...(page.runs ?? []).map((run) => ({ name: run.run_name, createdAt: run.start_time })));
    token = page.next_page_token;
  }
  return runs;
}
