import fc from 'fast-check';

import { earlierIds, taskIdOf } from '../../../src/service/tasks/task-id';
import type { FlyteExecutionId, NewTask } from '../../../src/service/tasks/task-service';

const EXECUTION: FlyteExecutionId = {
  org: '',
  project: 'flytesnacks',
  domain: 'development',
  execution: 'hoe3bf1a8be61',
  node: 'n0',
  task: 'demo.dbx',
  attempt: 0,
};
const TEMPLATE = { type: 'databricks', version: 0, custom: { a: 1 } };

const task = (more: Partial<FlyteExecutionId> = {}): NewTask => ({
  template: TEMPLATE,
  executionId: { ...EXECUTION, ...more },
});

test('the id is readable and names cluster, execution, node, task and attempt', () => {
  expect(taskIdOf('default', task({ org: 'acme', attempt: 2 }))).toBe(
    'flyte:default:acme:flytesnacks:development:hoe3bf1a8be61:n0:demo.dbx:2',
  );
});

test('a repetition has the same id, every other execution, attempt and cluster another', () => {
  const part = fc.string({ maxLength: 40 });
  const executions = fc.record({
    org: part,
    project: part,
    domain: part,
    execution: part,
    node: part,
    task: part,
    attempt: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.tuple(executions, executions), fc.tuple(part, part), ([one, other], clusters) => {
      const [cluster, otherCluster] = clusters;
      const id = taskIdOf(cluster, { template: TEMPLATE, executionId: one });
      expect(taskIdOf(cluster, { template: TEMPLATE, executionId: { ...one } })).toBe(id);
      const isSame = cluster === otherCluster && JSON.stringify(one) === JSON.stringify(other);
      const otherId = taskIdOf(otherCluster, { template: TEMPLATE, executionId: other });
      expect(otherId === id).toBe(isSame);
    }),
  );
});

test('an id beyond 200 bytes keeps its beginning and gets a hash for its tail', () => {
  const long = [0, 1].map((attempt) => taskIdOf('default', task({ task: 'ä'.repeat(300), attempt })));
  expect(long[0]).toMatch(/^flyte:default::flytesnacks:development:hoe3bf1a8be61:n0:ä+~[0-9a-f]{32}$/);
  expect(long.map((id) => Buffer.byteLength(id) <= 200)).toEqual([true, true]);
  expect(long[0]).not.toBe(long[1]);
});

test('without an execution id the output prefix and the template name the task', () => {
  const anonymous = (outputPrefix: string, custom = TEMPLATE.custom): string =>
    taskIdOf('default', { template: { ...TEMPLATE, custom }, outputPrefix });
  expect(anonymous('s3://a')).toMatch(/^flyte:default:anonymous:[0-9a-f]{32}$/);
  expect(anonymous('s3://a')).toBe(anonymous('s3://a'));
  expect(new Set([anonymous('s3://a'), anonymous('s3://b'), anonymous('s3://a', { a: 2 })]).size).toBe(3);
});

test('the earlier attempts of attempt 2 are 0 and 1; the first one and an anonymous task have none', () => {
  expect(earlierIds('default', task({ attempt: 2 }))).toEqual([
    taskIdOf('default', task({ attempt: 0 })),
    taskIdOf('default', task({ attempt: 1 })),
  ]);
  expect(earlierIds('default', task())).toEqual([]);
  expect(earlierIds('default', { template: TEMPLATE })).toEqual([]);
});

test('an attempt number that no engine reaches is refused by name', () => {
  expect(() => earlierIds('default', task({ attempt: 4_294_967_295 }))).toThrow(
    'task_execution_id.retry_attempt: must not exceed 1000 (got 4294967295)',
  );
});
