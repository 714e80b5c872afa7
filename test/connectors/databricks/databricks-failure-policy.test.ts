import type { JsonObject } from '../../../src/connector';
import { createDatabricksConnectors, createWorkspaceDirectory } from '../../../src/connectors/databricks';
import { template, notebookTask } from './support/calls';

const [connector] = createDatabricksConnectors({ workspaces: createWorkspaceDirectory({ workspaces: [] }) });

const SUBMIT = template({ request: { tasks: [notebookTask('a', { new_cluster: { num_workers: 1 } })] } });
const RUN_NOW = template({ request: { job_id: 5 } });

function check(policy: JsonObject, task = SUBMIT): void {
  connector?.parseFailurePolicy(policy, task);
}

test.each<JsonObject>([
  {},
  { onFailure: {} },
  { onFailure: { CLOUD_FAILURE: 'retry', TIMEDOUT: 'fail', CLIENT_ERROR: 'repair', default: 'fail' } },
  { onFailure: { FAILED: { retryAfter: '5m' } } },
  { onFailure: { CLUSTER_ERROR: { resubmit: { compute: 'on-demand' } } } },
  { onFailure: { CLUSTER_ERROR: { resubmit: { compute: { zone: 'us-west-2b', nodeType: 'i3.xlarge' } } } } },
  { onSuccessWithFailures: 'warn', onExcluded: 'accept' },
])('%j passes the door', (policy) => {
  expect(() => check(policy)).not.toThrow();
});

test.each<[JsonObject, string]>([
  [{ onFailure: 'retry' }, 'policy.onFailure'],
  [{ onFailure: { CLOUD_FAILUR: 'retry' } }, 'policy.onFailure.CLOUD_FAILUR'],
  [{ onFailure: { SUCCESS: 'retry' } }, 'policy.onFailure.SUCCESS'],
  [{ onFailure: { CLOUD_FAILURE: 'again' } }, 'policy.onFailure.CLOUD_FAILURE'],
  [{ onFailure: { CLOUD_FAILURE: { retryAfter: 'soon' } } }, 'policy.onFailure.CLOUD_FAILURE.retryAfter'],
  [{ onFailure: { CLOUD_FAILURE: { retryAfter: '1m', repair: true } } }, 'policy.onFailure.CLOUD_FAILURE'],
  [{ onFailure: { CLOUD_FAILURE: { resubmit: {} } } }, 'policy.onFailure.CLOUD_FAILURE.resubmit.compute'],
  [
    { onFailure: { CLOUD_FAILURE: { resubmit: { compute: { region: 'x' } } } } },
    'policy.onFailure.CLOUD_FAILURE.resubmit.compute.region',
  ],
  [{ onSuccessWithFailures: 'ignore' }, 'policy.onSuccessWithFailures'],
  [{ onExcluded: true }, 'policy.onExcluded'],
])('%j is refused, naming %s', (policy, field) => {
  expect(() => check(policy)).toThrow(expect.objectContaining({ code: 'INVALID_TASK', field }) as Error);
});

test('a change of compute is refused for a saved job, and for a run that is only followed', () => {
  const policy = { onFailure: { CLOUD_FAILURE: { resubmit: { compute: 'on-demand' } } } };
  const refused = expect.objectContaining({ code: 'INVALID_TASK' }) as Error;
  expect(() => check(policy, RUN_NOW)).toThrow(refused);
  expect(() => connector?.parseFailurePolicy(policy)).toThrow(refused);
  expect(() => check({ onFailure: { CLOUD_FAILURE: 'repair' } }, RUN_NOW)).not.toThrow();
});

test('a change of compute that does not fit the task is refused at the door', () => {
  const jar = template({
    request: {
      tasks: [
        { task_key: 'a', new_cluster: { num_workers: 1 }, spark_jar_task: { main_class_name: 'x.Main' } },
      ],
    },
  });
  const policy = { onFailure: { CLUSTER_ERROR: { resubmit: { compute: 'serverless' } } } };
  expect(() => check(policy, jar)).toThrow('serverless does not run task a, which needs a cluster');
});
