import { parseTaskTemplate } from '../../src/connector';

test('a type is enough; version and custom have defaults', () => {
  expect(parseTaskTemplate({ type: 'spark' })).toEqual({ type: 'spark', version: 0, custom: {} });
});

test("Flyte's container is read, its environment as list and as map", () => {
  const container = { image: 'x', args: ['a'], env: [{ key: 'A', value: '1' }, { key: 'B' }] };
  expect(parseTaskTemplate({ type: 'spark', name: 'n', version: 2, container })).toMatchObject({
    name: 'n',
    version: 2,
    container: { image: 'x', args: ['a'], env: { A: '1', B: '' } },
  });
  const map = { type: 'spark', container: { env: { A: '1' } } };
  expect(parseTaskTemplate(map).container).toEqual({ image: '', args: [], env: { A: '1' } });
});

test.each([
  ['task', 'text'],
  ['task', null],
  ['type', {}],
  ['type', { type: '' }],
  ['type', { type: 7 }],
  ['version', { type: 'x', version: 1.5 }],
  ['version', { type: 'x', version: '1' }],
  ['name', { type: 'x', name: 7 }],
  ['custom', { type: 'x', custom: [] }],
  ['container', { type: 'x', container: 'image' }],
  ['container.image', { type: 'x', container: { image: 1 } }],
  ['container.args', { type: 'x', container: { args: [1] } }],
  ['container.env', { type: 'x', container: { env: { A: 1 } } }],
])('%s is refused by name: %j', (field, value) => {
  expect(() => parseTaskTemplate(value)).toThrow(expect.objectContaining({ code: 'INVALID_TASK', field }));
});
