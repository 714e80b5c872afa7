import { createDatabricksConnectors, createWorkspaceDirectory } from '../../../src/connectors/databricks';
import type { DatabricksConnectorV2, Workspace } from '../../../src/connectors/databricks';
import { notebookTask, template } from './support/calls';

const auth = { kind: 'pat', token: 't' } as const;
const BUSY: Workspace = {
  ...{ name: 'prod', host: 'https://busy.cloud.databricks.com', auth },
  limits: { requestsPerSecond: 10 },
};
const ALIAS: Workspace = { name: 'alias', host: BUSY.host, auth };
const QUIET: Workspace = { name: 'dev', host: 'https://quiet.cloud.databricks.com', auth };

function connectorOver(...workspaces: readonly Workspace[]): DatabricksConnectorV2 {
  const [connector] = createDatabricksConnectors({ workspaces: createWorkspaceDirectory({ workspaces }) });
  if (connector === undefined) throw new Error('no connector');
  return connector;
}

function taskIn(workspace?: string) {
  const request = { tasks: [notebookTask('a')] };
  return { template: template(workspace === undefined ? { request } : { request, workspace }) };
}

const USUAL = { polls: 'databricks', control: 'databricks:control' };
const OWN = {
  polls: 'databricks:busy.cloud.databricks.com',
  control: 'databricks:busy.cloud.databricks.com:control',
};

it('a workspace with limits has a pair of queues of its own, by whatever name or host it is asked for', () => {
  const connector = connectorOver(ALIAS, BUSY, QUIET);
  for (const name of ['prod', 'alias', 'busy.cloud.databricks.com', BUSY.host]) {
    expect(connector.taskQueuesFor(taskIn(name))).toEqual(OWN);
  }
  expect(connector.taskQueuesFor(taskIn('dev'))).toEqual(USUAL);
});

it('a rule for its project gives a task that names no workspace the queues of the one where it runs', () => {
  const workspaces = createWorkspaceDirectory({
    workspaces: [QUIET, BUSY],
    ...{ defaultName: 'dev', rules: [{ project: 'etl-*', workspace: 'prod' }] },
  });
  const [connector] = createDatabricksConnectors({ workspaces });
  expect(connector?.taskQueuesFor({ ...taskIn(), taskExecution: { project: 'etl-1' } })).toEqual(OWN);
  expect(connector?.taskQueuesFor({ ...taskIn(), taskExecution: { project: 'ads' } })).toEqual(USUAL);
  expect(connector?.taskQueuesFor(taskIn())).toEqual(USUAL);
});

it('a job has the queues of its task', () => {
  const meta = { version: 1, databricksInstance: 'busy.cloud.databricks.com', runId: '1' };
  expect(connectorOver(BUSY).taskQueuesFor({ meta })).toEqual(connectorOver(BUSY).taskQueuesFor(taskIn()));
});

it('who does not know the workspace takes the usual pair, which every worker serves', () => {
  expect(connectorOver(QUIET).taskQueuesFor(taskIn('prod'))).toEqual(USUAL);
  expect(connectorOver().taskQueuesFor(taskIn())).toEqual(USUAL);
});

it('Temporal holds the looks of all workers to 70 % of the same limit', () => {
  expect(connectorOver(ALIAS, BUSY, QUIET).ratedTaskQueues()).toEqual([{ ...OWN, pollsPerSecond: 7 }]);
  expect(connectorOver(QUIET).ratedTaskQueues()).toEqual([]);
});
