import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { TestWorkflowEnvironment } from '@temporalio/testing';

import { createDatabricksConnectors, createWorkspaceDirectory } from '../../../src/connectors/databricks';
import type {
  DatabricksConnectorV2,
  Workspace,
  WorkspaceAuth,
  WorkspaceLimits,
} from '../../../src/connectors/databricks';
import type { Sealing } from '../../../src/config/sealing';
import type { JsonObject, TaskQueues } from '../../../src/connector';
import type { TaskOutcome } from '../../../src/client';
import {
  startSimulator,
  type FaultSpec,
  type Simulator,
  type SimulatorOptions,
} from '../../../src/simulator';
import { runTypeScriptChild, type TypeScriptChild } from '../../support/run-typescript-child';
import { openTaskBench, type TaskBench } from '../../support/task-bench';
import { waitUntil } from '../../support/wait-until';
import type { WorkerChildConfig } from '../children/worker-child';

export const TOKEN = 'simulated-token-of-the-bench';

/** How many tasks each proof runs at once; the large counts are run by hand with LONGHAUL_DURABILITY_REPEAT. */
export const REPEAT = Number(process.env['LONGHAUL_DURABILITY_REPEAT'] ?? 10);

/** The real Databricks connector over the real simulated workspace, on task queues of its own. */
export interface WorkspaceBench extends TaskBench {
  readonly simulator: Simulator;
  readonly connector: DatabricksConnectorV2;
  readonly workspace: Workspace;
  readonly taskQueues: TaskQueues;
  readonly temporalAddress: string;
  /** Starts a task of one notebook; `name` is the run's name, by which outcomes find it. */
  begin(options?: BeginOptions): Promise<string>;
  beginMany(count: number, options?: BeginOptions): Promise<string[]>;
  waitAll(ids: readonly string[]): Promise<TaskOutcome[]>;
  /** A worker in a process of its own, ready to serve. */
  spawnWorker(options?: SpawnOptions): Promise<TypeScriptChild>;
}

export interface BeginOptions {
  readonly name?: string;
  readonly policy?: JsonObject;
  readonly request?: JsonObject;
  /** Name or host; the only one by default. */
  readonly workspace?: string;
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly logLevel?: WorkerChildConfig['logLevel'];
  /** Of the only workspace it knows; default the bench's. */
  readonly host?: string;
  /** How many worker processes share the workspace's budget; default 1. */
  readonly processes?: number;
}

export interface WorkspaceBenchOptions {
  readonly simulator?: SimulatorOptions;
  readonly auth?: WorkspaceAuth;
  readonly requestTimeoutMs?: number;
  /** With limits the workspace has task queues of its own. Default: the default budget, on the usual queues. */
  readonly limits?: WorkspaceLimits;
  /** Who may use the workspace; default everybody. */
  readonly projects?: readonly string[];
  readonly secretsAllow?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the server shared by all test files. */
  readonly temporalAddress?: string;
  /** Where time is skipped; default a connection to that address. */
  readonly environment?: TestWorkflowEnvironment;
  /** What the connector calls the simulator by; default its own address. */
  readonly hostName?: string;
  readonly troubleShownAfterMs?: number;
  readonly sealing?: Sealing;
  /** Default: `default` of the server. */
  readonly namespace?: string;
  readonly foreignAfterMs?: number;
}

const WORKER_CHILD = join(__dirname, '..', 'children', 'worker-child.ts');

export async function openWorkspaceBench(options: WorkspaceBenchOptions = {}): Promise<WorkspaceBench> {
  const simulator = await startSimulator({ tokens: [TOKEN], ...options.simulator });
  const { auth = { kind: 'pat', token: TOKEN }, requestTimeoutMs = 10_000 } = options;
  const { secretsAllow = [], env = {}, troubleShownAfterMs = 500 } = options;
  const { limits, projects, hostName = '127.0.0.1' } = options;
  const workspace = {
    ...{ name: 'simulated', host: `http://${hostName}:${simulator.port}`, auth, requestTimeoutMs },
    ...(limits === undefined ? {} : { limits }),
    ...(projects === undefined ? {} : { projects }),
  };
  const queue = `databricks-${randomUUID()}`;
  const taskQueues = { polls: queue, control: `${queue}:control` };
  const connectors = createDatabricksConnectors({
    workspaces: createWorkspaceDirectory({ workspaces: [workspace] }),
    taskQueues,
  });
  const [connector] = connectors;
  if (connector === undefined) throw new Error('no connector');
  const temporalAddress = options.temporalAddress ?? process.env['TEST_TEMPORAL_ADDRESS'] ?? '';
  const environment = await environmentOf(options, temporalAddress);
  const bench = await openTaskBench({
    connectors,
    env,
    secretsAllow,
    troubleShownAfterMs,
    ...(options.sealing === undefined ? {} : { sealing: options.sealing }),
    ...(options.foreignAfterMs === undefined ? {} : { foreignAfterMs: options.foreignAfterMs }),
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(environment === undefined ? {} : { environment }),
  });
  const children: TypeScriptChild[] = [];
  const begin = async (task: BeginOptions = {}): Promise<string> => {
    const request = { run_name: task.name ?? 'proof', ...(task.request ?? oneNotebook()) };
    const custom = { request, ...(task.workspace === undefined ? {} : { workspace: task.workspace }) };
    const { id } = await bench.tasks.start(bench.request('databricks', custom, task.policy));
    return id;
  };
  return {
    ...bench,
    ...{ simulator, connector, workspace, taskQueues, temporalAddress },
    begin,
    beginMany: (count, task) => Promise.all(Array.from({ length: count }, () => begin(task))),
    waitAll: (ids) => Promise.all(ids.map((id) => bench.tasks.wait(id))),
    spawnWorker: async (spawn = {}) => {
      const { env: childEnv = {}, logLevel = 'error', host = workspace.host, processes = 1 } = spawn;
      const { workflowTaskQueue } = bench;
      const config: WorkerChildConfig = {
        ...{ temporalAddress, workflowTaskQueue, taskQueues, workspace: { ...workspace, host } },
        ...{ secretsAllow, troubleShownAfterMs, logLevel, processes },
      };
      const child = runTypeScriptChild(WORKER_CHILD, {
        args: [JSON.stringify(config)],
        env: { ...env, ...childEnv },
        captureErrors: true,
      });
      children.push(child);
      await child.line((line) => line === 'serving');
      return child;
    },
    close: async () => {
      for (const child of children) child.kill();
      await bench.close();
      await connector.close();
      await simulator.close();
    },
  };
}

async function environmentOf(
  { environment, temporalAddress, namespace = 'default' }: WorkspaceBenchOptions,
  address: string,
): Promise<TestWorkflowEnvironment | undefined> {
  const isOwn = environment !== undefined || (temporalAddress === undefined && namespace === 'default');
  return isOwn ? environment : TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
}

export function oneNotebook(): JsonObject {
  return { tasks: [{ task_key: 'main', notebook_task: { notebook_path: '/main' } }] };
}

/** A run that no task of ours started, and without a token, as flytekit's own connector starts them. @returns its id. */
export async function startForeignRun({ simulator }: WorkspaceBench, runName: string): Promise<string> {
  const answer = await fetch(`${simulator.url}/api/2.2/jobs/runs/submit`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ run_name: runName, ...oneNotebook() }),
  });
  return /\d{10,19}/.exec(await answer.text())?.[0] ?? '';
}

/** The fault `times` times on `submit`, `get` and so on. */
export function strike(bench: WorkspaceBench, fault: FaultSpec): void {
  bench.simulator.addFault(fault);
}

export function requests(bench: WorkspaceBench, operation: string): number {
  return bench.simulator.counters().requests[operation] ?? 0;
}

export function untilRequests(bench: WorkspaceBench, operation: string, count: number): Promise<true> {
  return waitUntil(`${count} requests of ${operation}`, () =>
    requests(bench, operation) >= count ? true : undefined,
  );
}

/** Cancels that reached the workspace, over all runs. */
export function cancelsSeen(bench: WorkspaceBench): number {
  return Object.values(bench.simulator.counters().cancels).flat().length;
}

/** Each task ended green, with one attempt, one run of its own, and a receipt that agrees with the workspace. */
export function expectOneRunEach(bench: WorkspaceBench, outcomes: readonly TaskOutcome[]): void {
  const { tokens, runsCreated, activeRuns } = bench.simulator.counters();
  expect({ runsCreated, activeRuns }).toEqual({ runsCreated: outcomes.length, activeRuns: 0 });
  const rows = outcomes.flatMap(({ result }) => result?.receipt.attempts ?? []);
  expect(rows).toHaveLength(outcomes.length);
  for (const { status } of outcomes) expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
  const seen = rows.map(({ token, externalId }) => ({ token, runId: externalId }));
  const counted = Object.entries(tokens).map(([token, { runId }]) => ({ token, runId }));
  expect(sorted(seen)).toEqual(sorted(counted));
}

function sorted<T extends { readonly token: string }>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => a.token.localeCompare(b.token, 'en'));
}

/** Posts by the receipts, and posts by the workspace's own count. */
export function countPosts(
  bench: WorkspaceBench,
  outcomes: readonly TaskOutcome[],
): { readonly receipts: number; readonly workspace: number } {
  const rows = outcomes.flatMap(({ result }) => result?.receipt.attempts ?? []);
  return {
    receipts: rows.reduce((sum, { posts }) => sum + posts, 0),
    workspace: bench.simulator.counters().submits,
  };
}
