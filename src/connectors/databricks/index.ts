export { checkWorkspace, type WorkspaceCheck } from './databricks-check';
export { DATABRICKS_API_ENDPOINT, getHeader } from './databricks-client';
export {
  DEFAULT_DATABRICKS_INSTANCE_ENV_KEY,
  loadWorkspaces,
  readProfileValue,
  type LoadWorkspacesOptions,
} from './databricks-config';
export { createWorkspaceDirectory, type WorkspaceDirectory } from './databricks-directory';
export { readFlyteDefaults } from './databricks-flyte-credentials';
export { type IdentityPorts } from './databricks-identity';
export { literalSecretsOf } from './databricks-literal-secrets';
export {
  createDatabricksConnectors,
  DatabricksConnector,
  DatabricksConnectorV2,
  type DatabricksConnectorOptions,
} from './databricks-connector';
export { FLYTE_FAIL_ON_ERROR, type FlyteDefaults } from './databricks-flyte';
export { DatabricksJobMetadata } from './databricks-metadata';
export { mapRunState, resultStateIsAvailable, type RunState, type RunStateView } from './databricks-state';
export { workspaceOf } from './databricks-task';
export { normalizeHost, type Workspace, type WorkspaceAuth } from './databricks-workspace';
