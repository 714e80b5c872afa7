import {
  createDatabricksConnectors,
  createWorkspaceDirectory,
  literalSecretsOf,
  type Workspace,
} from '../../../src/connectors/databricks';
import { ConnectorRegistry, type TaskQueues } from '../../../src/connector';
import { installRuntimeLogger } from '../../../src/cli/runtime-logger';
import { connectClient } from '../../../src/temporal/connection';
import { connectWorker } from '../../../src/temporal/worker-connection';
import { createSecretPort, startWorkers } from '../../../src/worker';

export interface WorkerChildConfig {
  readonly temporalAddress: string;
  readonly workflowTaskQueue: string;
  readonly workspace: Workspace;
  readonly taskQueues: TaskQueues;
  readonly secretsAllow: readonly string[];
  readonly troubleShownAfterMs: number;
  readonly logLevel: 'debug' | 'error';
  readonly processes: number;
}

/** A real worker, to be killed. Its argument is its configuration; it says `serving` when it does. */
async function main(config: WorkerChildConfig): Promise<void> {
  installRuntimeLogger(config.logLevel);
  const { workspace, taskQueues, workflowTaskQueue, troubleShownAfterMs, processes } = config;
  const workspaces = createWorkspaceDirectory({ workspaces: [workspace] });
  const registry = new ConnectorRegistry();
  for (const connector of createDatabricksConnectors({ workspaces, taskQueues, processes })) {
    registry.register(connector);
  }
  const { client, namespace } = await connectClient(config.temporalAddress);
  const operatorSecrets = literalSecretsOf(workspace);
  const workers = await startWorkers({
    connection: await connectWorker(config.temporalAddress),
    ...{ client, namespace, registry, workflowTaskQueue, troubleShownAfterMs },
    secrets: createSecretPort({ env: process.env, allowed: config.secretsAllow, operatorSecrets }),
    workflowBundlePath: process.env['TEST_WORKFLOW_BUNDLE'] ?? '',
  });
  process.stdout.write('serving\n');
  await workers.done;
}

void main(JSON.parse(process.argv[2] ?? '{}') as WorkerChildConfig);
