import type { JsonObject } from '../../../src/connector';
import { connectorFor, notebookTask, template } from './support/calls';
import { TASK_TYPES } from './support/task-types';

const connector = connectorFor({ host: 'https://unused.example.com' });
afterAll(() => connector.close());

const noticesOn = (request: JsonObject): readonly string[] => connector.noticesOn(template({ request }));
const task = (more: JsonObject): JsonObject => ({ tasks: [notebookTask('a', more)] });

test.each<[JsonObject, RegExp]>([
  [task({ max_retrys: 1 }), /^spec\.tasks\[0\]\.max_retrys is not known .* Did you mean max_retries\?$/],
  [task({ maxRetries: 1 }), /Did you mean max_retries\?$/],
  [task({ dependson: [] }), /Did you mean depends_on\?$/],
  [{ ...task({}), timeout_second: 1 }, /^spec\.timeout_second is .* Did you mean timeout_seconds\?$/],
  [{ ...task({}), job_clusters: [] }, /^spec\.job_clusters is a setting of saved jobs/],
  [{ job_id: 1, notebook_parms: {} }, /^spec\.notebook_parms is .* notebook_params\?$/],
  [{ notebook_task: { notebook_path: '/a' }, new_clustr: {} }, /^spec\.new_clustr is .* new_cluster\?$/],
  [
    {
      tasks: [
        { task_key: 'a', for_each_task: { inputs: '[]', task: notebookTask('n', { descripton: 'x' }) } },
      ],
    },
    /^spec\.tasks\[0\]\.for_each_task\.task\.descripton is .* description\?$/,
  ],
])('%j is noted once, by field', (request, said) => {
  expect(noticesOn(request)).toEqual([expect.stringMatching(said)]);
});

test.each(TASK_TYPES)('a $type as documented is noted by nobody', ({ type, task: fields, runsOn }) => {
  const compute = runsOn.includes('new_cluster') ? { new_cluster: {} } : {};
  expect(noticesOn({ tasks: [{ task_key: 'a', [type]: fields, ...compute }] })).toEqual([]);
});

test('a field that comes near nothing may be one of tomorrow, and is noted by nobody', () => {
  expect(noticesOn({ ...task({ hologram: true, gpu: 1 }), retention: 3 })).toEqual([]);
  expect(noticesOn({ job_name: 'nightly', retention: 3 })).toEqual([]);
});

test('a Flyte task is noted by nobody: its body is not the user’s own', () => {
  const conf = { databricksConf: { new_cluster: { spark_version: '15.4' }, max_retrys: 1 } };
  const container = { image: 'x', args: ['pyflyte-execute'], env: {} };
  expect(connector.noticesOn({ ...template(conf), container })).toEqual([]);
});
