import type { JsonObject } from '../../../src/connector';
import {
  changeCompute,
  parseComputeChange,
  usesSpot,
} from '../../../src/connectors/databricks/databricks-compute';
import { parseDatabricksTask } from '../../../src/connectors/databricks/databricks-task';
import { notebookTask, template } from './support/calls';

function change(body: JsonObject, compute: JsonObject | string): JsonObject {
  return changeCompute(body, parseComputeChange('compute', compute), 'compute');
}

function clusterOf(body: JsonObject): unknown {
  return (body['tasks'] as readonly JsonObject[])[0]?.['new_cluster'];
}

const onCluster = (cluster: JsonObject): JsonObject => ({
  tasks: [notebookTask('a', { new_cluster: cluster })],
});

test.each([
  ['aws_attributes', 'SPOT', 'ON_DEMAND'],
  ['aws_attributes', 'SPOT_WITH_FALLBACK', 'ON_DEMAND'],
  ['azure_attributes', 'SPOT_AZURE', 'ON_DEMAND_AZURE'],
  ['azure_attributes', 'SPOT_WITH_FALLBACK_AZURE', 'ON_DEMAND_AZURE'],
  ['gcp_attributes', 'PREEMPTIBLE_GCP', 'ON_DEMAND_GCP'],
  ['gcp_attributes', 'PREEMPTIBLE_WITH_FALLBACK_GCP', 'ON_DEMAND_GCP'],
])('%s %s becomes %s, and all else stays', (key, spot, onDemand) => {
  const body = onCluster({ num_workers: 2, [key]: { availability: spot, zone_id: 'z' } });
  expect(usesSpot(body)).toBe(true);
  const changed = change(body, 'on-demand');
  expect(clusterOf(changed)).toEqual({ num_workers: 2, [key]: { availability: onDemand, zone_id: 'z' } });
  expect(usesSpot(changed)).toBe(false);
});

test('clusters are found at the top, in tasks, in the tasks of a for-each and in job clusters, and nowhere else', () => {
  const spot = { aws_attributes: { availability: 'SPOT' } };
  const body = {
    new_cluster: spot,
    tasks: [
      { task_key: 'loop', for_each_task: { inputs: '[]', task: { task_key: 'in', new_cluster: spot } } },
      { task_key: 'text', notebook_task: { base_parameters: { new_cluster: spot } } },
    ],
    job_clusters: [{ job_cluster_key: 'k', new_cluster: spot }],
  };
  const text = JSON.stringify(change(body, 'on-demand'));
  expect(text.match(/"ON_DEMAND"/g)).toHaveLength(3);
  expect(text.match(/"SPOT"/g)).toHaveLength(1);
});

test('a zone is set where the cloud has zones', () => {
  expect(clusterOf(change(onCluster({}), { zone: 'b' }))).toEqual({ aws_attributes: { zone_id: 'b' } });
  expect(clusterOf(change(onCluster({ gcp_attributes: {} }), { zone: 'b' }))).toEqual({
    gcp_attributes: { zone_id: 'b' },
  });
  expect(() => change(onCluster({ azure_attributes: {} }), { zone: 'b' })).toThrow(
    'cannot be chosen on Azure',
  );
});

test('a node type takes a driver of the same kind along, and leaves another alone', () => {
  const same = { node_type_id: 'm', driver_node_type_id: 'm' };
  expect(clusterOf(change(onCluster(same), { nodeType: 'n' }))).toEqual({
    node_type_id: 'n',
    driver_node_type_id: 'n',
  });
  const other = { node_type_id: 'm', driver_node_type_id: 'big' };
  expect(clusterOf(change(onCluster(other), { nodeType: 'n' }))).toEqual({
    node_type_id: 'n',
    driver_node_type_id: 'big',
  });
});

test('serverless drops the cluster and takes its libraries into an environment', () => {
  const wheel = {
    task_key: 'a',
    new_cluster: { num_workers: 1 },
    python_wheel_task: { package_name: 'p', entry_point: 'main' },
    libraries: [{ pypi: { package: 'requests==2.32.3' } }, { whl: '/Volumes/a.whl' }],
  };
  const body = change({ tasks: [wheel, notebookTask('b', { existing_cluster_id: 'x' })] }, 'serverless');
  expect(body).toEqual({
    tasks: [
      {
        task_key: 'a',
        environment_key: 'default',
        python_wheel_task: { package_name: 'p', entry_point: 'main' },
      },
      notebookTask('b'),
    ],
    environments: [
      {
        environment_key: 'default',
        spec: { client: '1', dependencies: ['requests==2.32.3', '/Volumes/a.whl'] },
      },
    ],
  });
});

test('serverless refuses libraries it cannot take, and bodies without tasks', () => {
  const maven = notebookTask('a', { libraries: [{ maven: { coordinates: 'a:b:1' } }] });
  expect(() => change({ tasks: [maven] }, 'serverless')).toThrow('only libraries from PyPI and wheels');
  expect(() => change({ new_cluster: {} }, 'serverless')).toThrow('needs a body with tasks');
});

test('a template with a change of compute is that body, changed; a saved job’s is refused', () => {
  const request = onCluster({ aws_attributes: { availability: 'SPOT' } });
  const task = parseDatabricksTask(template({ request, compute: { availability: 'on-demand' } }));
  expect(clusterOf(task.body)).toEqual({ aws_attributes: { availability: 'ON_DEMAND' } });
  expect(() => parseDatabricksTask(template({ request: { job_id: 1 }, compute: 'on-demand' }))).toThrow(
    'compute',
  );
});
