import { checkTask, type TaskRequest } from '../client';
import { parseEnvironment, type LonghaulConfig } from '../config/environment';
import type { Environment } from '../config/temporal-settings';
import type { ConnectorRegistry } from '../connector/registry';
import { taskQueuesOf } from '../connector/task-queues';
import type { Workspace } from '../connectors/databricks';
import { engineWithAirflow } from './airflow-hint';
import { inFile } from './in-file';
import { createConnectorSet, type ConnectorSet } from './registry';
import { readSimulatorAccess, SIMULATED_WORKSPACE } from './simulator-access';
import { readTaskFile, type TaskFileOptions } from './task-file';

/** A task that has passed the door. */
export interface PreparedTask {
  readonly request: TaskRequest;
  /** What was probably meant otherwise, and is sent all the same. */
  readonly notices: readonly string[];
  /** Where it runs, when this process can tell; with a Temporal of its own, the workers decide. */
  readonly workspace?: string;
  /** Where a worker of its own serves it: an engine may lack one. */
  readonly servedElsewhere?: { readonly taskQueue: string; readonly command: string };
}

/**
 * Reads a task and checks all that can be checked without asking anybody: what is refused here has started nothing,
 * not even an engine. In embedded mode the engine's workspaces are known, so an unknown one is refused too.
 * @throws INVALID_TASK, UNKNOWN_TASK_TYPE, PAYLOAD_TOO_LARGE, PERMISSION_DENIED, CONFIG or NOT_FOUND.
 */
export async function prepareTask(
  file: string,
  options: Omit<TaskFileOptions, 'defaultWorkspace'>,
  env: Environment,
): Promise<PreparedTask> {
  const config = parseEnvironment(env);
  const isEmbedded = !config.temporal.configured;
  const connectors = createConnectorSet(
    env,
    isEmbedded ? { extra: [simulatedWorkspace(config)], airflowWorker: engineWithAirflow } : {},
  );
  try {
    return await prepare(file, options, { config, connectors, isEmbedded });
  } finally {
    await connectors.close();
  }
}

interface Surroundings {
  readonly config: LonghaulConfig;
  readonly connectors: ConnectorSet;
  readonly isEmbedded: boolean;
}

async function prepare(
  file: string,
  options: TaskFileOptions,
  { config, connectors, isEmbedded }: Surroundings,
): Promise<PreparedTask> {
  const fallback = isEmbedded ? simulatedByDefault(connectors) : {};
  const request = await readTaskFile(file, { ...options, ...fallback });
  const { registry } = connectors;
  const secretsAllow = isEmbedded ? config.embeddedSecretsAllow : config.secretsAllow;
  inFile(file, options, () => checkTask(request, { registry, secretsAllow }));
  const { type, version } = request.template;
  const notices = registry.getConnector(type, version).noticesOn?.(request.template) ?? [];
  if (!isEmbedded) return { request, notices };
  const workspace = connectors.workspaceFor(request.template, request.taskExecution);
  return {
    request,
    notices,
    ...(workspace === undefined ? {} : { workspace }),
    ...servedElsewhere(registry, request),
  };
}

function servedElsewhere(
  registry: ConnectorRegistry,
  { template, taskExecution }: TaskRequest,
): Pick<PreparedTask, 'servedElsewhere'> {
  const connector = registry.getConnector(template.type, template.version);
  const taskQueue = taskQueuesOf(connector, { template, taskExecution }).control;
  const command = connector.servedBy?.(taskQueue);
  return command === undefined ? {} : { servedElsewhere: { taskQueue, command } };
}

/**
 * The simulated workspace only where no other is configured: a real one that lacks its token must never be replaced by
 * it in silence, for that would be a green that means nothing.
 */
function simulatedByDefault(connectors: ConnectorSet): Pick<TaskFileOptions, 'defaultWorkspace'> {
  const isAlone = connectors.workspaceNames.every((name) => name === SIMULATED_WORKSPACE);
  return isAlone && connectors.defaultWorkspace() === SIMULATED_WORKSPACE
    ? { defaultWorkspace: SIMULATED_WORKSPACE }
    : {};
}

/** Stands for the one of the engine, which may not run yet: only its name and address count here. */
function simulatedWorkspace({ home }: LonghaulConfig): Workspace {
  const port = readSimulatorAccess(home)?.port ?? 1;
  return {
    name: SIMULATED_WORKSPACE,
    host: `http://127.0.0.1:${port}`,
    auth: { kind: 'pat', token: 'unused' },
  };
}
