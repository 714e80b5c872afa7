import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { toResource } from '../../../src/service/flyte2/resource';
import {
  ResourceSchema,
  type Resource,
} from '../../../src/service/generated/flyteidl2/connector/connector_pb';
import { TaskExecution_Phase } from '../../../src/service/generated/flyteidl2/core/execution_pb';
import type { TaskResource } from '../../../src/service/tasks/task-service';
import { RUNNING } from '../flyte/recorded-tasks';
import { LINK, testResourceRules } from '../flyte/resource-rules';

function send(resource: TaskResource): Resource {
  return fromBinary(ResourceSchema, toBinary(ResourceSchema, create(ResourceSchema, toResource(resource))));
}

testResourceRules(send, TaskExecution_Phase);

test('a link is ready at once, and of the ordinary kind', () => {
  expect(send({ ...RUNNING, links: [LINK] }).logLinks).toMatchObject([{ ready: true, linkType: 0 }]);
});

test('outputs go as a list of named literals', () => {
  const { outputs } = send({ ...RUNNING, phase: 'SUCCEEDED', outputs: { o0: 1.5, o1: null } });
  expect(outputs?.literals.map(({ name }) => name)).toEqual(['o0', 'o1']);
});
