import { randomUUID } from 'node:crypto';

import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

import { ConnectorRegistry } from '../src/connector';
import { createSecretPort, startWorkers } from '../src/worker';
import { counts, createBenchConnector, lookAt } from './bench-connector';

/** One worker process of one design; says once a second what it has done and used. */
async function main(): Promise<void> {
  const [design = 'ours', address = '', bundlePath = ''] = process.argv.slice(2);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address });
  if (design === 'naive') await startNaive(connection, bundlePath);
  else await startOurs(connection, address, bundlePath);
  report();
  setInterval(report, 1_000);
}

function report(): void {
  const { user, system } = process.cpuUsage();
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20);
  process.stdout.write(
    `${JSON.stringify({ polls: counts.polls, cpuMs: Math.round((user + system) / 1000), rssMb })}\n`,
  );
}

async function startOurs(
  connection: NativeConnection,
  address: string,
  workflowBundlePath: string,
): Promise<void> {
  const client = new Client({ connection: await Connection.connect({ address }) });
  await startWorkers({
    connection,
    client,
    namespace: 'default',
    registry: new ConnectorRegistry().register(createBenchConnector()),
    workflowTaskQueue: 'longhaul',
    workflowBundlePath,
    secrets: createSecretPort({ env: {}, allowed: [], operatorSecrets: [] }),
  });
}

async function startNaive(connection: NativeConnection, codePath: string): Promise<void> {
  const jobs = new Map<string, Record<string, unknown>>();
  const worker = await Worker.create({
    connection,
    taskQueue: 'naive',
    workflowBundle: { codePath },
    maxConcurrentActivityTaskExecutions: 200,
    activities: {
      naiveCreate: ({ custom }: { custom: Record<string, unknown> }) => {
        const id = randomUUID();
        jobs.set(id, custom);
        return Promise.resolve(id);
      },
      naiveGet: async (id: string) => {
        const looksPerPhase = Number(jobs.get(id)?.['looksPerPhase'] ?? 0);
        const phase = await lookAt({ jobId: id, looksPerPhase });
        return { phase, terminal: phase === 'SUCCEEDED' };
      },
    },
  });
  void worker.run();
}

void main();
