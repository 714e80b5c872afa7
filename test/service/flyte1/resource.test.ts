import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { toResource } from '../../../src/service/flyte1/resource';
import { ResourceSchema, type Resource } from '../../../src/service/generated/flyteidl/admin/agent_pb';
import { TaskExecution_Phase } from '../../../src/service/generated/flyteidl/core/execution_pb';
import type { TaskResource } from '../../../src/service/tasks/task-service';
import { RUNNING } from '../flyte/recorded-tasks';
import { testResourceRules } from '../flyte/resource-rules';

function send(resource: TaskResource): Resource {
  return fromBinary(ResourceSchema, toBinary(ResourceSchema, create(ResourceSchema, toResource(resource))));
}

testResourceRules(send, TaskExecution_Phase);

test('outputs go as a literal map, and the deprecated state stays unset', () => {
  const resource = send({ ...RUNNING, phase: 'SUCCEEDED', outputs: { o0: 1.5, o1: null } });
  expect(Object.keys(resource.outputs?.literals ?? {})).toEqual(['o0', 'o1']);
  expect(resource).toMatchObject({ state: 0 });
});
