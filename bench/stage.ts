import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, type BundleOptions } from '@temporalio/worker';

import { TaskClient } from '../src/client';
import { ConnectorRegistry } from '../src/connector';
import { findFreePort } from '../src/temporal/ports';
import { startDevServer, type DevServer } from '../src/temporal/dev-server';
import { SEARCH_ATTRIBUTE_NAMES } from '../src/temporal/search-attributes';
import { findTemporalBinary } from '../src/temporal/temporal-binary';
import { createBenchConnector } from './bench-connector';
import { cpuMsOf, rssMbOf } from './process-stats';

export type Design = 'ours' | 'naive';

/** What a worker process says of itself once a second. */
export interface WorkerStat {
  readonly polls: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** A fresh Temporal on a file, one worker process of one design, and a client. */
export interface Stage {
  readonly design: Design;
  readonly client: Client;
  readonly tasks: TaskClient;
  worker(): WorkerStat;
  serverCpuMs(): number;
  serverRssMb(): number;
  startWorker(): Promise<void>;
  close(): Promise<void>;
}

export async function openStage(design: Design): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
  const server = await startServer(folder);
  const client = new Client({ connection: await Connection.connect({ address: server.address }) });
  const registry = new ConnectorRegistry().register(createBenchConnector());
  let worker: { readonly process: ChildProcess; stat: WorkerStat } | undefined;
  return {
    design,
    client,
    tasks: new TaskClient({
      client,
      registry,
      namespace: 'default',
      workflowTaskQueue: 'longhaul',
      secretsAllow: [],
      searchAttributes: true,
    }),
    worker: () => worker?.stat ?? { polls: 0, cpuMs: 0, rssMb: 0 },
    serverCpuMs: () => cpuMsOf(server.pid),
    serverRssMb: () => rssMbOf(server.pid),
    startWorker: async () => {
      worker = await spawnWorker(design, server.address, await bundle(design, folder));
    },
    close: async () => {
      worker?.process.kill('SIGKILL');
      await client.connection.close();
      await server.stop();
    },
  };
}

/** Temporal's dev server on a file in `folder`. */
export async function startServer(folder: string): Promise<DevServer> {
  const home = process.env['LONGHAUL_HOME'] ?? join(homedir(), '.longhaul');
  const { path } = await findTemporalBinary({ env: process.env, home, report: () => undefined });
  const ip = '127.0.0.1';
  return startDevServer({
    binary: path,
    dbFile: join(folder, 'temporal.db'),
    ip,
    port: await findFreePort(ip),
    uiPort: await findFreePort(ip),
    searchAttributes: SEARCH_ATTRIBUTE_NAMES,
    logFile: join(folder, 'temporal.log'),
  });
}

function sourcesOf(design: Design): Pick<BundleOptions, 'workflowsPath' | 'workflowInterceptorModules'> {
  if (design === 'naive') return { workflowsPath: join(__dirname, 'naive-workflow.ts') };
  return {
    workflowsPath: join(__dirname, '../workflows/index.ts'),
    workflowInterceptorModules: [join(__dirname, '../workflows/trace-headers.ts')],
  };
}

async function bundle(design: Design, folder: string): Promise<string> {
  const { code } = await bundleWorkflowCode({ ...sourcesOf(design), logger: new DefaultLogger('ERROR') });
  const path = join(folder, 'bundle.js');
  writeFileSync(path, code);
  return path;
}

async function spawnWorker(
  design: Design,
  address: string,
  bundlePath: string,
): Promise<{ readonly process: ChildProcess; stat: WorkerStat }> {
  const runner = join(__dirname, '../scripts/run-typescript.cjs');
  const child = spawn(
    process.execPath,
    [runner, join(__dirname, 'worker-child.ts'), design, address, bundlePath],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: child.stdout });
  const worker = { process: child, stat: { polls: 0, cpuMs: 0, rssMb: 0 } };
  lines.on('line', (line) => {
    worker.stat = JSON.parse(line) as WorkerStat;
  });
  await once(lines, 'line');
  return worker;
}
