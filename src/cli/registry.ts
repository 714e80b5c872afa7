import { parseAirflowRouting, parseWorkers } from '../config/environment';
import { readPackageVersion } from '../config/package-version';
import type { Environment } from '../config/temporal-settings';
import { ConnectorRegistry } from '../connector/registry';
import type { TaskExecutionMetadata, TaskTemplate } from '../connector/task-template';
import { AirflowConnector, type AirflowConnectorOptions } from '../connectors/airflow';
import {
  createDatabricksConnectors,
  literalSecretsOf,
  loadWorkspaces,
  readFlyteDefaults,
  workspaceOf,
  type Workspace,
} from '../connectors/databricks';
import { createOperatorIdentity, type SecretPortOptions } from '../worker';

export interface ConnectorSet {
  readonly registry: ConnectorRegistry;
  /** Credentials of the configured workspaces, to be redacted wherever they turn up, and where tasks' references lead. */
  readonly secrets: Omit<SecretPortOptions, 'env' | 'allowed' | 'sealing'>;
  readonly workspaceNames: readonly string[];
  /** Name of the workspace for tasks that name none. @throws CONFIG when there is none, or it cannot be used. */
  defaultWorkspace(): string;
  /**
   * Name of the workspace a task runs in; undefined for a task type without workspaces.
   * @throws CONFIG for one that is not configured in this process, PERMISSION_DENIED for one that is not open to it.
   */
  workspaceFor(template: TaskTemplate, taskExecution?: TaskExecutionMetadata): string | undefined;
  close(): Promise<void>;
}

export interface ConnectorSetOptions {
  /** Workspaces beside the configured ones. */
  readonly extra?: readonly Workspace[];
  /** How people start an Airflow worker here. */
  readonly airflowWorker?: AirflowConnectorOptions['workerCommand'];
}

/** Every connector that ships with Longhaul, over the workspaces of this process. */
export function createConnectorSet(
  env: Environment,
  { extra = [], airflowWorker }: ConnectorSetOptions = {},
): ConnectorSet {
  const directory = loadWorkspaces({ env, extra });
  const identity = createOperatorIdentity(env);
  const connectors = createDatabricksConnectors({
    workspaces: directory,
    version: readPackageVersion(),
    processes: parseWorkers(env),
    flyte: readFlyteDefaults(env),
    identity,
  });
  const registry = new ConnectorRegistry();
  for (const connector of connectors) registry.register(connector);
  const { airflowMajor, airflowTaskQueue } = parseAirflowRouting(env);
  registry.register(
    new AirflowConnector({
      defaultMajor: airflowMajor,
      ...(airflowTaskQueue === undefined ? {} : { taskQueue: airflowTaskQueue }),
      ...(airflowWorker === undefined ? {} : { workerCommand: airflowWorker }),
    }),
  );
  const usesWorkspaces = new Set(connectors.map(({ taskCategory }) => taskCategory.name));
  return {
    registry,
    secrets: {
      ...identity.sources,
      operatorSecrets: directory.workspaces.flatMap(literalSecretsOf),
      onIssued: identity.onIssued,
    },
    workspaceNames: directory.workspaces.map(({ name }) => name),
    defaultWorkspace: () => directory.resolve().name,
    workspaceFor: (template, taskExecution) => {
      if (!usesWorkspaces.has(template.type)) return undefined;
      const asker = { project: taskExecution?.project };
      return directory.resolve(workspaceOf(template), asker).name;
    },
    close: async () => {
      await Promise.all(connectors.map((connector) => connector.close()));
    },
  };
}
