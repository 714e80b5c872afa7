import { installRuntimeLogger } from '../../../src/cli/runtime-logger';
import { ConnectorRegistry } from '../../../src/connector';
import { connectClient } from '../../../src/temporal/connection';
import { connectWorker } from '../../../src/temporal/worker-connection';
import { createSecretPort, startWorkers } from '../../../src/worker';

export interface WorkflowWorkerConfig {
  readonly temporalAddress: string;
  readonly workflowTaskQueue: string;
}

/** A worker of workflows only, to be killed: the Python worker serves the activities. It says `serving` when it does. */
async function main({ temporalAddress, workflowTaskQueue }: WorkflowWorkerConfig): Promise<void> {
  installRuntimeLogger('error');
  const { client, namespace } = await connectClient(temporalAddress);
  const workers = await startWorkers({
    connection: await connectWorker(temporalAddress),
    ...{ client, namespace, workflowTaskQueue },
    registry: new ConnectorRegistry(),
    secrets: createSecretPort({ env: {}, allowed: [], operatorSecrets: [] }),
    workflowBundlePath: process.env['TEST_WORKFLOW_BUNDLE'] ?? '',
  });
  process.stdout.write('serving\n');
  await workers.done;
}

void main(JSON.parse(process.argv[2] ?? '{}') as WorkflowWorkerConfig);
