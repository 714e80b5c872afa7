import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createSyncAgent } from '../../../src/service/flyte1/sync-agent';
import { toLiteralMap } from '../../../src/service/flyte1/literals';
import { ExecuteTaskSyncRequestSchema } from '../../../src/service/generated/flyteidl/admin/agent_pb';
import type { TaskResource } from '../../../src/service/tasks/task-service';
import { collect, recordCall, recordTasks, RUNNING, type RecordedTasks } from '../flyte/recorded-tasks';

type Part = NonNullable<MessageInitShape<typeof ExecuteTaskSyncRequestSchema>['part']>;

const HEADER: Part = { case: 'header', value: { template: { type: 'openai' }, outputPrefix: 's3://p' } };
const DONE: TaskResource = { ...RUNNING, phase: 'SUCCEEDED', outputs: { o0: 'yes' } };

async function run(
  { tasks }: RecordedTasks,
  parts: readonly Part[],
  call = recordCall(),
): Promise<unknown[]> {
  const send = async function* (): AsyncGenerator<ReturnType<typeof toRequest>> {
    yield* parts.map(toRequest);
  };
  return collect(createSyncAgent(tasks).executeTaskSync(send(), call));
}

function toRequest(part: Part): ReturnType<typeof create<typeof ExecuteTaskSyncRequestSchema>> {
  return create(ExecuteTaskSyncRequestSchema, { part });
}

test('a synchronous task is answered by one header, outputs within its resource', async () => {
  const recorded = recordTasks({ resource: DONE });
  const call = recordCall();
  const parts: Part[] = [
    HEADER,
    { case: 'inputs', value: toLiteralMap({ a: 1 }) },
    { case: 'inputs', value: toLiteralMap({ b: [2] }) },
  ];
  const resource = expect.objectContaining({ phase: 3, outputs: toLiteralMap({ o0: 'yes' }) });
  expect(await run(recorded, parts, call)).toEqual([{ res: { case: 'header', value: { resource } } }]);
  const template = { type: 'openai', version: 0, custom: {} };
  expect(recorded.asked).toEqual([
    { method: 'run', task: { template, outputPrefix: 's3://p', inputs: { a: 1, b: [2] } } },
  ]);
  expect(call.taskTypes).toEqual(['openai']);
});

test('inputs without a header are rejected before anything runs', async () => {
  const recorded = recordTasks({ resource: DONE });
  const answer = run(recorded, [{ case: 'inputs', value: {} }]);
  await expect(answer).rejects.toMatchObject({ code: 'INVALID_TASK', field: 'header' });
  expect(recorded.asked).toEqual([]);
});

test('a task that was left open is never answered: the engine would lose a poll worker', async () => {
  await expect(run(recordTasks({ resource: RUNNING }), [HEADER])).rejects.toMatchObject({ code: 'INTERNAL' });
});
