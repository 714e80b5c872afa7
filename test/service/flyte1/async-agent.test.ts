import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { readTaskFile } from '../../../src/cli/task-file';
import { createAsyncAgent } from '../../../src/service/flyte1/async-agent';
import {
  CreateTaskRequestSchema,
  DeleteTaskRequestSchema,
  GetTaskLogsRequestSchema,
  GetTaskLogsResponseSchema,
  GetTaskMetricsRequestSchema,
  GetTaskRequestSchema,
} from '../../../src/service/generated/flyteidl/admin/agent_pb';
import { TaskExecution_Phase } from '../../../src/service/generated/flyteidl/core/execution_pb';
import { fixturePath, readFixtureBytes } from '../flyte/fixtures';
import { collect, META, recordCall, recordTasks } from '../flyte/recorded-tasks';

const PREFIX = 's3://example/metadata/hoe3bf1a8be61/n0/data/0';

test('the bytes of the real engine’s CreateTask become the task they ask for', async () => {
  const { tasks, asked } = recordTasks();
  const call = recordCall();
  const request = fromBinary(CreateTaskRequestSchema, readFixtureBytes('request-v1-create.bin'));
  expect(await createAsyncAgent(tasks).createTask(request, call)).toEqual({ resourceMeta: META });

  const { template } = await readTaskFile(fixturePath('template-v1-databricksv2-new-cluster.json'));
  expect(asked).toHaveLength(1);
  expect(asked[0]?.task).toStrictEqual({
    template: { ...template, container: { ...template.container, args: expect.arrayContaining([PREFIX]) } },
    inputs: { i0: 'hello' },
    outputPrefix: PREFIX,
    executionId: {
      ...{ org: '', project: 'flytesnacks', domain: 'development' },
      ...{ execution: 'hoe3bf1a8be61', node: 'n0', task: 'demo_dbx_new.dbx_new', attempt: 0 },
    },
    taskExecution: {
      ...{ project: 'flytesnacks', domain: 'development', namespace: 'flytesnacks-development' },
      labels: expect.objectContaining({ 'execution-id': 'hoe3bf1a8be61', 'node-id': 'n0' }),
    },
  });
  expect(call.taskTypes).toEqual(['databricks']);
});

test('a task without inputs, prefix and metadata has none', async () => {
  const { tasks, asked } = recordTasks();
  const request = create(CreateTaskRequestSchema, { template: { type: 'databricks' } });
  await createAsyncAgent(tasks).createTask(request, recordCall());
  expect(asked[0]?.task).toStrictEqual({ template: { type: 'databricks', version: 0, custom: {} } });
});

test('a CreateTask without a template is rejected before anything is asked', async () => {
  const { tasks, asked } = recordTasks();
  const created = createAsyncAgent(tasks).createTask(create(CreateTaskRequestSchema, {}), recordCall());
  await expect(created).rejects.toMatchObject({ code: 'INVALID_TASK', field: 'template' });
  expect(asked).toEqual([]);
});

test('the bytes of the real engine’s GetTask ask for the task of their meta', async () => {
  const { tasks, asked } = recordTasks();
  const call = recordCall();
  const request = fromBinary(GetTaskRequestSchema, readFixtureBytes('request-v1-get.bin'));
  const { resource } = await createAsyncAgent(tasks).getTask(request, call);
  expect(resource).toMatchObject({ phase: TaskExecution_Phase.RUNNING });
  expect(asked[0]?.task).toStrictEqual({
    resourceMeta: expect.objectContaining(new Uint8Array(Buffer.from('{"job_id": "abc"}'))),
    taskCategory: { name: 'databricks', version: 0 },
  });
  expect(call.taskTypes).toEqual(['databricks']);
});

test.each([
  [
    'the category',
    { taskType: 'old', taskCategory: { name: 'new', version: 2 } },
    { name: 'new', version: 2 },
  ],
  ['the deprecated type', { taskType: 'old' }, { name: 'old', version: 0 }],
  [
    'the deprecated type',
    { taskType: 'old', taskCategory: { name: '', version: 2 } },
    { name: 'old', version: 0 },
  ],
  ['nothing', {}, { name: '', version: 0 }],
])(
  'a DeleteTask that is named by %s is passed on so, its empty meta too',
  async (_by, named, taskCategory) => {
    const { tasks, asked } = recordTasks();
    const reply = await createAsyncAgent(tasks).deleteTask(
      create(DeleteTaskRequestSchema, named),
      recordCall(),
    );
    expect(reply).toEqual({});
    expect(asked).toEqual([{ method: 'delete', task: { resourceMeta: new Uint8Array(), taskCategory } }]);
  },
);

test('logs are a header with the next page, then the lines in both lists', async () => {
  const { tasks, asked } = recordTasks({
    page: { lines: ['a', 'b'], nextPageToken: 'p2', truncated: false },
  });
  const request = create(GetTaskLogsRequestSchema, { resourceMeta: META, lines: 2n, token: 'p1' });
  expect(await collect(createAsyncAgent(tasks).getTaskLogs(request, recordCall()))).toEqual([
    { part: { case: 'header', value: { token: 'p2' } } },
    {
      part: {
        case: 'body',
        value: {
          results: ['a', 'b'],
          structuredLines: [
            { message: 'a\n', originator: 1 },
            { message: 'b\n', originator: 1 },
          ],
        },
      },
    },
  ]);
  expect(asked[0]?.query).toEqual({ limit: 2, pageToken: 'p1' });
});

test('no message of the logs is larger than 1 MiB, neither of long lines nor of short ones', async () => {
  const lines = [
    ...Array<string>(100_000).fill(''),
    'ü'.repeat(2 ** 20),
    ...Array<string>(3).fill('x'.repeat(400_000)),
  ];
  const { tasks } = recordTasks({ page: { lines, truncated: false } });
  const request = create(GetTaskLogsRequestSchema, {});
  const messages = await collect(createAsyncAgent(tasks).getTaskLogs(request, recordCall()));
  const sizes = messages.map((message) => {
    return toBinary(GetTaskLogsResponseSchema, create(GetTaskLogsResponseSchema, message)).length;
  });
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 20);
  expect(messages.length).toBeGreaterThan(4);
});

test('metrics answer the queries', async () => {
  const { tasks } = recordTasks({
    metrics: [{ name: 't', attempt: 0, phase: 'RUNNING', queueMs: 1, totalMs: 2 }],
  });
  const queries = ['EXECUTION_METRIC_TOTAL_SECONDS'];
  const request = create(GetTaskMetricsRequestSchema, { queries });
  const { results } = await createAsyncAgent(tasks).getTaskMetrics(request, recordCall());
  expect(results).toMatchObject([{ metric: queries[0], data: { resultType: 'matrix' } }]);
});
