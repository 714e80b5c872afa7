import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

import { TaskClient } from '../src/client';
import { ConnectorRegistry } from '../src/connector';
import {
  createDatabricksConnectors,
  createWorkspaceDirectory,
  type WorkspaceLimits,
} from '../src/connectors/databricks';
import { startSimulator, type Simulator, type SimulatorOptions } from '../src/simulator';
import { connectClient } from '../src/temporal/connection';
import { connectWorker } from '../src/temporal/worker-connection';
import { createSecretPort, startWorkers } from '../src/worker';
import { startServer } from './stage';

/** Where the workers of a stage take workflows from. */
export const SERVED_QUEUE = 'longhaul';

const TOKEN = 'simulated-token';

/** A simulated workspace, a fresh Temporal on a file, the workers and a client, all but Temporal in this process. */
export interface DatabricksStage {
  readonly client: Client;
  readonly tasks: TaskClient;
  /** Of tasks that no worker ever sees. */
  readonly unserved: TaskClient;
  readonly simulator: Simulator;
  close(): Promise<void>;
}

export interface DatabricksStageOptions {
  readonly limits: WorkspaceLimits;
  readonly simulator?: SimulatorOptions;
}

export async function openDatabricksStage(options: DatabricksStageOptions): Promise<DatabricksStage> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'));
  const server = await startServer(folder);
  const simulator = await startSimulator({ tokens: [TOKEN], ...options.simulator });
  const workspace = {
    ...{ name: 'simulated', host: simulator.url, limits: options.limits },
    auth: { kind: 'pat', token: TOKEN },
  } as const;
  const workspaces = createWorkspaceDirectory({ workspaces: [workspace] });
  const registry = new ConnectorRegistry();
  for (const connector of createDatabricksConnectors({ workspaces })) registry.register(connector);
  const { client, namespace } = await connectClient(server.address);
  const common = { client, namespace, registry, workflowTaskQueue: SERVED_QUEUE };
  const workers = await startWorkers({
    ...common,
    connection: await connectWorker(server.address),
    workflowBundlePath: await bundle(folder),
    secrets: createSecretPort({ env: {}, allowed: [], operatorSecrets: [TOKEN] }),
  });
  const clientOptions = { ...common, secretsAllow: [], searchAttributes: true };
  return {
    client,
    tasks: new TaskClient(clientOptions),
    unserved: new TaskClient({ ...clientOptions, workflowTaskQueue: 'unserved' }),
    simulator,
    close: async () => {
      await workers.shutdown();
      await Promise.all([server.stop(), simulator.close()]);
    },
  };
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
