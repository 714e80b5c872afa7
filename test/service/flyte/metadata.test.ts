import { create } from '@bufbuild/protobuf';
import { toExecutionId, toTaskExecution } from '../../../src/service/flyte/metadata';
import { TaskExecutionMetadataSchema as Metadata1 } from '../../../src/service/generated/flyteidl/admin/agent_pb';
import { TaskExecutionMetadataSchema as Metadata2 } from '../../../src/service/generated/flyteidl2/connector/connector_pb';

const FULL = {
  taskExecutionId: {
    taskId: { name: 'my.task', project: 'other', version: 'v1' },
    nodeExecutionId: { nodeId: 'a0', executionId: { org: 'o', project: 'p', domain: 'd', name: 'run1' } },
    retryAttempt: 2,
  },
  namespace: 'p-d',
  labels: { run: 'run1' },
  annotations: { secret: 'not taken' },
};

test.each([
  ['Flyte 1', create(Metadata1, FULL)],
  ['Flyte 2', create(Metadata2, FULL)],
])('%s names the attempt and who asks', (_version, metadata) => {
  const execution = { org: 'o', project: 'p', domain: 'd', execution: 'run1', node: 'a0' };
  expect(toExecutionId(metadata)).toEqual({ ...execution, task: 'my.task', attempt: 2 });
  expect(toTaskExecution(metadata)).toStrictEqual({
    ...{ org: 'o', project: 'p', domain: 'd', namespace: 'p-d' },
    labels: { run: 'run1' },
  });
});

test('an id in part keeps empty texts, and who asks has only what was sent', () => {
  const metadata = create(Metadata1, { taskExecutionId: { nodeExecutionId: { nodeId: 'n0' } } });
  const empty = { org: '', project: '', domain: '', execution: '', task: '', attempt: 0 };
  expect(toExecutionId(metadata)).toEqual({ ...empty, node: 'n0' });
  expect(toTaskExecution(metadata)).toStrictEqual({});
});

test('no metadata, no id', () => {
  expect(toExecutionId(undefined)).toBeUndefined();
  expect(toTaskExecution(undefined)).toBeUndefined();
  expect(toExecutionId(create(Metadata1, { namespace: 'n' }))).toBeUndefined();
});
