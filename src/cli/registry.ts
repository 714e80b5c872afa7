import { parseAirflowRouting, parseWorkers } from '../config/environment';
import { readPackageVersion } from '../config/package-version';
import type { Environment } from '../config/temporal-settings';
import { ConnectorRegistry } from '../connector/registry';
import type { TaskTemplate } from '../connector/task-template';
import { AirflowConnector, type AirflowConnectorOptions } from '../connectors/airflow';
import {
  createDatabricksConnectors,
  loadWorkspaces,
  workspaceOf,
  type Workspace,
} from '../connectors/databricks';

export interface ConnectorSet {
  readonly registry: ConnectorRegistry;
  /** Credentials of the configured workspaces: to be redacted wherever they turn up. */
  readonly operatorSecrets: readonly string[];
  readonly workspaceNames: readonly string[];
  /** Name of the workspace for tasks that name none. @throws CONFIG when there is none, or it cannot be used. */
  defaultWorkspace(): string;
  /**
   * Name of the workspace a task runs in; undefined for a task type without workspaces.
   * @throws CONFIG for one that is not configured in this process.
   */
  workspaceFor(template: TaskTemplate): string | undefined;
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
  const connectors = createDatabricksConnectors({
    workspaces: directory,
    version: readPackageVersion(),
    processes: parseWorkers(env),
    ...flyteDefaults(env['FLYTE_DATABRICKS_SERVICE_CREDENTIAL_PROVIDER']),
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
    operatorSecrets: directory.workspaces.map(secretOf),
    workspaceNames: directory.workspaces.map(({ name }) => name),
    defaultWorkspace: () => directory.resolve().name,
    workspaceFor: (template) =>
      usesWorkspaces.has(template.type) ? directory.resolve(workspaceOf(template)).name : undefined,
    close: async () => {
      await Promise.all(connectors.map((connector) => connector.close()));
    },
  };
}

function flyteDefaults(provider: string | undefined): { flyte?: { serviceCredentialProvider: string } } {
  return provider === undefined ? {} : { flyte: { serviceCredentialProvider: provider } };
}

function secretOf({ auth }: Workspace): string {
  switch (auth.kind) {
    case 'pat':
      return auth.token;
    case 'oauth-m2m':
      return auth.clientSecret;
    default:
      return auth satisfies never;
  }
}
