import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { toTaskTemplate } from '../../../src/service/flyte/template';
import { TaskTemplateSchema } from '../../../src/service/generated/flyteidl/core/tasks_pb';

const SIDECAR = { name: 'sidecar', image: 'sidecar:1' };
const MAIN = {
  name: 'main',
  image: 'main:1',
  args: ['--n', '1'],
  env: [
    { name: 'A', value: '1' },
    { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  ],
};
const MAIN_CONTAINER = { image: 'main:1', args: ['--n', '1'], env: { A: '1' } };
const SIDECAR_CONTAINER = { image: 'sidecar:1', args: [], env: {} };

type Template = MessageInitShape<typeof TaskTemplateSchema>;
type Pod = Exclude<Extract<NonNullable<Template['target']>, { case: 'k8sPod' }>['value'], undefined>;

function podTemplate(pod: Pod, config: Record<string, string> = {}): ReturnType<typeof toTaskTemplate> {
  const target = { case: 'k8sPod', value: pod } as const;
  return toTaskTemplate(create(TaskTemplateSchema, { type: 'databricks', target, config }));
}

const podSpec = { containers: [SIDECAR, MAIN] };
const KEY = 'primary_container_name';

test('the primary container of a pod is the one its own field names', () => {
  const { container } = podTemplate({ podSpec, primaryContainerName: 'main' }, { [KEY]: 'sidecar' });
  expect(container).toEqual(MAIN_CONTAINER);
});

test('else the one the config names', () => {
  const metadata = { annotations: { [KEY]: 'sidecar' } };
  expect(podTemplate({ podSpec, metadata }, { [KEY]: 'main' }).container).toEqual(MAIN_CONTAINER);
});

test('else the one an annotation names', () => {
  expect(podTemplate({ podSpec, metadata: { annotations: { [KEY]: 'main' } } }).container).toEqual(
    MAIN_CONTAINER,
  );
});

test('else the first', () => {
  expect(podTemplate({ podSpec }).container).toEqual(SIDECAR_CONTAINER);
});

test.each([
  ['no spec', {}, 'is empty'],
  ['no containers', { podSpec: { containers: [] } }, 'is empty'],
  ['another name', { podSpec, primaryContainerName: 'x' }, 'has no primary container (got "x")'],
  [
    'args of another type',
    { podSpec: { containers: [{ args: [1] }] } },
    'args: must be a list of texts (got [1])',
  ],
  ['an image of another type', { podSpec: { containers: [{ image: 1 }] } }, 'image: must be text (got 1)'],
  ['variables of another type', { podSpec: { containers: [{ env: {} }] } }, 'env: must be a list (got {})'],
])('a pod with %s is rejected with its reason', (_case, pod, reason) => {
  expect(() => podTemplate(pod)).toThrow(expect.objectContaining({ code: 'INVALID_TASK' }));
  expect(() => podTemplate(pod)).toThrow(reason);
});

test('a template without custom, name and container has an empty custom and no others', () => {
  const sql = { case: 'sql', value: { statement: 'SELECT 1' } } as const;
  const template = create(TaskTemplateSchema, { type: 'databricks', taskTypeVersion: 3, target: sql });
  expect(toTaskTemplate(template)).toStrictEqual({ type: 'databricks', version: 3, custom: {} });
});

test('a missing template and a missing type are rejected by field', () => {
  expect(() => toTaskTemplate(undefined)).toThrow(expect.objectContaining({ field: 'template' }));
  const untyped = create(TaskTemplateSchema, {});
  expect(() => toTaskTemplate(untyped)).toThrow(expect.objectContaining({ field: 'template.type' }));
});
