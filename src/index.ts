/** The public door of Longhaul: the client, the contract for connectors, and what starts a worker. */
export {
  TaskClient,
  type OnEnded,
  type StartedTask,
  type TaskClientOptions,
  type TaskFilter,
  type TaskOutcome,
  type TaskRequest,
  type TaskStatus,
} from './client';
export * from './connector';
export {
  createDatabricksConnectors,
  DATABRICKS_API_ENDPOINT,
  DatabricksConnector,
  DatabricksConnectorV2,
  DatabricksJobMetadata,
  DEFAULT_DATABRICKS_INSTANCE_ENV_KEY,
  FLYTE_FAIL_ON_ERROR,
  getHeader,
  loadWorkspaces,
  resultStateIsAvailable,
  type DatabricksConnectorOptions,
  type Workspace,
  type WorkspaceDirectory,
} from './connectors/databricks';
export { createSecretPort, startWorkers, type RunningWorkers, type WorkersOptions } from './worker';
