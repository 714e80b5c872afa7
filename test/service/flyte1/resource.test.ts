import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { TASK_PHASES } from '../../../src/connector/phase';
import { toResource } from '../../../src/service/flyte1/resource';
import { ResourceSchema, type Resource } from '../../../src/service/generated/flyteidl/admin/agent_pb';
import { TaskExecution_Phase } from '../../../src/service/generated/flyteidl/core/execution_pb';
import type { TaskResource } from '../../../src/service/tasks/task-service';
import { RUNNING } from '../flyte/recorded-tasks';

function send(resource: TaskResource): Resource {
  return fromBinary(ResourceSchema, toBinary(ResourceSchema, create(ResourceSchema, toResource(resource))));
}

test.each(TASK_PHASES)('%s is never sent as undefined', (phase) => {
  expect(TaskExecution_Phase[send({ ...RUNNING, phase }).phase]).toBe(
    phase === 'UNDEFINED' ? 'QUEUED' : phase,
  );
});

test('message, links and custom info are what people see', () => {
  const links = [{ name: 'Databricks Console', uri: 'https://dbx.example.invalid/#job/1/run/2' }];
  const resource = send({ ...RUNNING, message: 'waiting', links, customInfo: { state: { code: 1 } } });
  expect(resource).toMatchObject({ message: 'waiting', customInfo: { state: { code: 1 } } });
  expect(resource.logLinks).toMatchObject([{ ...links[0], ShowWhilePending: true }]);
});

test.each([
  ['absent', RUNNING],
  ['empty', { ...RUNNING, outputs: {} }],
])('outputs that are %s are not sent: the job writes them itself', (_case, resource) => {
  expect(send(resource).outputs).toBeUndefined();
});

test('outputs go as a literal map, and the deprecated state stays unset', () => {
  const resource = send({ ...RUNNING, phase: 'SUCCEEDED', outputs: { o0: 1.5, o1: null } });
  expect(Object.keys(resource.outputs?.literals ?? {})).toEqual(['o0', 'o1']);
  expect(resource).toMatchObject({ state: 0 });
});
