/**
 * How long a cancel takes to reach the workspace while 200 tasks are open: from the call of the task client until the
 * simulated workspace takes the cancel request. `node scripts/run-typescript.cjs bench/cancel-latency.ts [slow]`; with `slow`
 * every request to the workspace takes 300 ms.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

import { TaskClient } from '../src/client';
import { installRuntimeLogger } from '../src/cli/runtime-logger';
import { ConnectorRegistry, DEFAULT_POLICY, type JsonObject } from '../src/connector';
import { createDatabricksConnectors, createWorkspaceDirectory } from '../src/connectors/databricks';
import { startSimulator, type Simulator } from '../src/simulator';
import { connectClient } from '../src/temporal/connection';
import { startDevServer, type DevServer } from '../src/temporal/dev-server';
import { findFreePort } from '../src/temporal/ports';
import { SEARCH_ATTRIBUTE_NAMES } from '../src/temporal/search-attributes';
import { findTemporalBinary } from '../src/temporal/temporal-binary';
import { waitFor } from '../src/temporal/wait';
import { connectWorker } from '../src/temporal/worker-connection';
import { createSecretPort, startWorkers } from '../src/worker';

const OPEN_TASKS = 200;
const SINGLE_CANCELS = 50;
const LATENCY_MS = process.argv.includes('slow') ? 300 : 0;
const TOKEN = 'simulated-token';
const IP = '127.0.0.1';
const LIMIT_MS = 120_000;

interface Stage {
  readonly tasks: TaskClient;
  readonly simulator: Simulator;
  close(): Promise<void>;
}

async function main(): Promise<void> {
  installRuntimeLogger('error');
  const stage = await openStage();
  try {
    const ids = await openTasks(stage, OPEN_TASKS + SINGLE_CANCELS);
    const single: number[] = [];
    for (const id of ids.slice(0, SINGLE_CANCELS)) single.push(...(await cancelAll(stage, [id])));
    report(`one at a time, ${OPEN_TASKS} open`, single);
    const rest = ids.slice(SINGLE_CANCELS);
    report(`all ${OPEN_TASKS} at once`, await cancelAll(stage, rest));
    console.log(`runs still active: ${stage.simulator.counters().activeRuns}`);
  } finally {
    await stage.close();
  }
}

async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
  const server = await startServer(folder);
  const simulator = await startSimulator({ tokens: [TOKEN] });
  simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
  if (LATENCY_MS > 0) simulator.addFault({ operation: '*', kind: 'latency', ms: LATENCY_MS });
  const workspace = {
    name: 'simulated',
    host: simulator.url,
    auth: { kind: 'pat', token: TOKEN },
  } as const;
  const connectors = createDatabricksConnectors({
    workspaces: createWorkspaceDirectory({ workspaces: [workspace] }),
  });
  const registry = new ConnectorRegistry();
  for (const connector of connectors) registry.register(connector);
  const { client, namespace } = await connectClient(server.address);
  const common = { client, namespace, registry, workflowTaskQueue: 'longhaul' };
  const workers = await startWorkers({
    ...common,
    connection: await connectWorker(server.address),
    workflowBundlePath: await bundle(folder),
    secrets: createSecretPort({ env: {}, allowed: [], operatorSecrets: [TOKEN] }),
  });
  return {
    tasks: new TaskClient({ ...common, secretsAllow: [], searchAttributes: true }),
    simulator,
    close: async () => {
      await workers.shutdown();
      await Promise.all([server.stop(), simulator.close()]);
    },
  };
}

async function startServer(folder: string): Promise<DevServer> {
  const home = process.env['LONGHAUL_HOME'] ?? join(homedir(), '.longhaul');
  const { path } = await findTemporalBinary({ env: process.env, home, report: () => undefined });
  return startDevServer({
    binary: path,
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    ip: IP,
    port: await findFreePort(IP),
    uiPort: await findFreePort(IP),
    searchAttributes: SEARCH_ATTRIBUTE_NAMES,
  });
}

async function bundle(folder: string): Promise<string> {
  const workflowsPath = join(__dirname, '../workflows/index.ts');
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [join(__dirname, '../workflows/trace-headers.ts')],
    logger: new DefaultLogger('ERROR'),
  });
  const path = join(folder, 'bundle.js');
  writeFileSync(path, code);
  return path;
}

async function openTasks({ tasks }: Stage, count: number): Promise<string[]> {
  const task = { task_key: 'main', notebook_task: { notebook_path: '/main' } };
  const custom: JsonObject = { request: { run_name: 'long', tasks: [task] } };
  const template = { type: 'databricks', version: 0, custom };
  const started = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      tasks.start({ id: `bench-${index}`, template, policy: DEFAULT_POLICY }),
    ),
  );
  for (const { id } of started) {
    const isRunning = async (): Promise<true | undefined> =>
      (await tasks.get(id)).phase === 'RUNNING' ? true : undefined;
    await waitFor(isRunning, { what: `task ${id} to run`, limitMs: LIMIT_MS });
  }
  return started.map(({ id }) => id);
}

/** Milliseconds from each request until the workspace took it; one process, one clock. */
async function cancelAll({ tasks, simulator }: Stage, ids: readonly string[]): Promise<number[]> {
  const runs = await Promise.all(ids.map(async (id) => (await tasks.get(id)).externalId ?? ''));
  const asked = ids.map(async (id) => {
    const askedAt = Date.now();
    await tasks.cancel(id, { by: 'bench' });
    return askedAt;
  });
  const askedAt = await Promise.all(asked);
  await Promise.all(ids.map((id) => tasks.wait(id)));
  const { cancels } = simulator.counters();
  return runs.map((runId, index) => (cancels[runId]?.[0] ?? Number.NaN) - (askedAt[index] ?? 0));
}

function report(what: string, latencies: readonly number[]): void {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  console.log(
    `${what}: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms (${sorted.length} cancels)`,
  );
}

void main().then(() => process.exit());
