import { createSealing } from '../../../src/config/sealing';
import { ConnectorRegistry, type TaskQueues } from '../../../src/connector';
import {
  createDatabricksConnectors,
  createWorkspaceDirectory,
  type Workspace,
} from '../../../src/connectors/databricks';
import { startService } from '../../../src/service';

export interface ServiceChildConfig {
  readonly temporalAddress: string;
  readonly workflowTaskQueue: string;
  readonly workspaces: readonly Workspace[];
  readonly taskQueues: TaskQueues;
  /** Base64; absent: no secrets are taken. */
  readonly sealingKey?: string;
  readonly port: number;
}

/** A real service, to be killed. It says `serving PORT` when it does, and ends in order on SIGTERM. */
async function main(config: ServiceChildConfig): Promise<void> {
  const { temporalAddress, workflowTaskQueue, taskQueues, sealingKey, port } = config;
  const workspaces = createWorkspaceDirectory({ workspaces: config.workspaces });
  const registry = new ConnectorRegistry();
  for (const connector of createDatabricksConnectors({ workspaces, taskQueues })) {
    registry.register(connector);
  }
  const service = await startService({
    ...{ temporal: temporalAddress, registry, workflowTaskQueue, secretsAllow: [], cluster: 'test', port },
    taskUrl: (id) => `http://ui/${id}`,
    drainNoticeMs: 500,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    ...(sealingKey === undefined
      ? {}
      : { sealing: createSealing([{ id: 'k1', key: Buffer.from(sealingKey, 'base64') }]) }),
  });
  process.on('SIGTERM', () => void service.drain());
  process.stdout.write(`serving ${service.port}\n`);
}

void main(JSON.parse(process.argv[2] ?? '{}') as ServiceChildConfig);
