import { create, fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { readTaskFile } from '../../../src/cli/task-file';
import { createAsyncConnector } from '../../../src/service/flyte2/async-connector';
import {
  CreateTaskRequestSchema,
  DeleteTaskRequestSchema,
  GetTaskLogsRequestSchema,
  GetTaskLogsResponseSchema,
  GetTaskMetricsRequestSchema,
  GetTaskRequestSchema,
} from '../../../src/service/generated/flyteidl2/connector/connector_pb';
import { TaskTemplateSchema } from '../../../src/service/generated/flyteidl2/core/tasks_pb';
import { fixturePath, readFixtureJson } from '../flyte/fixtures';
import { collect, META, recordCall, recordTasks } from '../flyte/recorded-tasks';

const SECRETS = { databricks_token: 'dapi-example' };
const TEMPLATE = 'template-v2-databricks-new-cluster.json';
const CATEGORY = { name: 'databricks', version: 0 };

test('a CreateTask becomes the task it asks for, its secret values apart from the template', async () => {
  const { tasks, asked } = recordTasks();
  const call = recordCall();
  const request = create(CreateTaskRequestSchema, {
    template: fromJson(TaskTemplateSchema, readFixtureJson(TEMPLATE), { ignoreUnknownFields: true }),
    inputs: { literals: [{ name: 'n', value: { value: { case: 'scalar', value: {} } } }] },
    outputPrefix: 's3://b/1',
    connection: { taskType: 'databricks', secrets: SECRETS },
  });
  const sent = fromBinary(CreateTaskRequestSchema, toBinary(CreateTaskRequestSchema, request));
  expect(await createAsyncConnector(tasks).createTask(sent, call)).toEqual({ resourceMeta: META });
  const { template } = await readTaskFile(fixturePath(TEMPLATE));
  expect(asked.map(({ task }) => task)).toEqual([
    { template, inputs: { n: null }, outputPrefix: 's3://b/1', secrets: SECRETS },
  ]);
  expect(call.taskTypes).toEqual(['databricks']);
});

test('without secrets a task has none, not an empty set', async () => {
  const { tasks, asked } = recordTasks();
  const request = create(CreateTaskRequestSchema, { template: { type: 'databricks' }, connection: {} });
  await createAsyncConnector(tasks).createTask(request, recordCall());
  expect(asked[0]?.task).toStrictEqual({ template: { type: 'databricks', version: 0, custom: {} } });
});

test('Get and Delete name the task and bring its secrets', async () => {
  const { tasks, asked } = recordTasks();
  const call = recordCall();
  const service = createAsyncConnector(tasks);
  const known = { resourceMeta: META, taskCategory: CATEGORY, connection: { secrets: SECRETS } };
  expect(await service.getTask(create(GetTaskRequestSchema, known), call)).toMatchObject({
    resource: { phase: 2 },
  });
  expect(await service.deleteTask(create(DeleteTaskRequestSchema, known), call)).toEqual({});
  const task = { resourceMeta: META, taskCategory: CATEGORY, secrets: SECRETS };
  expect(asked).toEqual([
    { method: 'get', task },
    { method: 'delete', task },
  ]);
  expect(call.taskTypes).toEqual(['databricks', 'databricks']);
});

test('no secret value is in any reply', async () => {
  const { tasks } = recordTasks();
  const known = create(GetTaskRequestSchema, { resourceMeta: META, connection: { secrets: SECRETS } });
  const reply = await createAsyncConnector(tasks).getTask(known, recordCall());
  expect(JSON.stringify(reply)).not.toContain(SECRETS.databricks_token);
});

test('a request without a meta and a category is passed on: the core judges it', async () => {
  const { tasks, asked } = recordTasks();
  await createAsyncConnector(tasks).getTask(create(GetTaskRequestSchema, {}), recordCall());
  const task = { resourceMeta: new Uint8Array(), taskCategory: { name: '', version: 0 } };
  expect(asked).toStrictEqual([{ method: 'get', task }]);
});

test('logs are a header with the next page, then the lines', async () => {
  const { tasks, asked } = recordTasks({ page: { lines: ['a'], truncated: true } });
  const request = create(GetTaskLogsRequestSchema, { resourceMeta: META, lines: 7n });
  expect(await collect(createAsyncConnector(tasks).getTaskLogs(request, recordCall()))).toEqual([
    { part: { case: 'header', value: { token: '' } } },
    {
      part: {
        case: 'body',
        value: {
          lines: [
            { message: 'Longhaul: the other side kept only a part of these logs.\n', originator: 2 },
            { message: 'a\n', originator: 1 },
          ],
        },
      },
    },
  ]);
  expect(asked[0]?.query).toEqual({ limit: 7 });
});

test('no message of the logs is larger than 1 MiB', async () => {
  const lines = [
    ...Array<string>(100_000).fill(''),
    'ü'.repeat(2 ** 20),
    ...Array<string>(5).fill('x'.repeat(500_000)),
  ];
  const { tasks } = recordTasks({ page: { lines, truncated: false } });
  const messages = await collect(
    createAsyncConnector(tasks).getTaskLogs(create(GetTaskLogsRequestSchema, {}), recordCall()),
  );
  const sizes = messages.map((message) => {
    return toBinary(GetTaskLogsResponseSchema, create(GetTaskLogsResponseSchema, message)).length;
  });
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 20);
});

test('metrics answer the queries', async () => {
  const { tasks } = recordTasks({
    metrics: [{ name: 't', attempt: 0, phase: 'RUNNING', queueMs: 1, totalMs: 2 }],
  });
  const { results } = await createAsyncConnector(tasks).getTaskMetrics(
    create(GetTaskMetricsRequestSchema, {}),
    recordCall(),
  );
  expect(results?.map(({ metric }) => metric)).toEqual([
    'EXECUTION_METRIC_QUEUE_SECONDS',
    'EXECUTION_METRIC_TOTAL_SECONDS',
  ]);
});
