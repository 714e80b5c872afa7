export {
  runJob,
  submitRun,
  type RunJobOptions,
  type SavedJob,
  type SubmitRunOptions,
} from './databricks-builders';
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
export {
  explainCustomInfo,
  explainName,
  explainRun,
  explainTable,
  FAILURE_NAMES,
  type FailureExplanation,
} from './databricks-explain';
export { FLYTE_FAIL_ON_ERROR, type FlyteDefaults } from './databricks-flyte';
export { DatabricksJobMetadata } from './databricks-metadata';
export { isBodyMember } from './databricks-schema';
export { mapRunState, resultStateIsAvailable, type RunState, type RunStateView } from './databricks-state';
export { workspaceOf } from './databricks-task';
export {
  conditionTask,
  dbtTask,
  forEachTask,
  jarTask,
  notebookTask,
  otherTask,
  pipelineTask,
  pythonTask,
  runJobTask,
  sqlTask,
  wheelTask,
  type Compute,
  type NewCluster,
  type RunTask,
  type SecretOrText,
  type SqlObject,
} from './databricks-task-builders';
export {
  normalizeHost,
  type Workspace,
  type WorkspaceAuth,
  type WorkspaceLimits,
} from './databricks-workspace';
