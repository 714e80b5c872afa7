import * as longhaul from '../../src';

test('the public door has these names and no others: a change here is a change for users', () => {
  expect(Object.keys(longhaul).sort()).toEqual([
    'ConnectorRegistry',
    'DATABRICKS_API_ENDPOINT',
    'DEFAULT_DATABRICKS_INSTANCE_ENV_KEY',
    'DEFAULT_POLICY',
    'DatabricksConnector',
    'DatabricksConnectorV2',
    'DatabricksJobMetadata',
    'ERROR_TABLE',
    'FLYTE_FAIL_ON_ERROR',
    'LonghaulError',
    'TASK_PHASES',
    'TaskClient',
    'createDatabricksConnectors',
    'createSealing',
    'createSecretPort',
    'createWorkspaceDirectory',
    'getHeader',
    'invalidTask',
    'isErrorCode',
    'isJsonObject',
    'isTerminalPhase',
    'loadWorkspaces',
    'parseTaskPolicy',
    'parseTaskTemplate',
    'resolveSecretReferences',
    'resultStateIsAvailable',
    'startService',
    'startWorkers',
  ]);
});
