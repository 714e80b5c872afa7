import {
  assertPayloadSize,
  assertTaskId,
  fingerprintOf,
  generateTaskId,
  type TaskRequest,
} from '../../src/client/task-request';
import type { JsonObject } from '../../src/connector/json';
import { parseTaskPolicy } from '../../src/connector/task-policy';

function request(custom: JsonObject, changes: Partial<TaskRequest> = {}): TaskRequest {
  const template = { type: 'databricks', version: 0, name: 'Word count', custom };
  return { template, policy: parseTaskPolicy(undefined), ...changes };
}

describe('fingerprintOf', () => {
  const spec = { request: { a: 1, b: { c: [1, 2], d: null } } };

  test('the order of keys, the name, the policy and the id do not change a task', () => {
    const reordered = request(
      { request: { b: { d: null, c: [1, 2] }, a: 1 } },
      { id: 'mine', policy: parseTaskPolicy({ executionTimeout: '1h' }) },
    );
    const renamed = { ...reordered, template: { ...reordered.template, name: 'other' } };
    expect(fingerprintOf(renamed)).toBe(fingerprintOf(request(spec)));
    expect(fingerprintOf(request(spec))).toMatch(/^[0-9a-f]{32}$/);
  });

  test('it stays the same over releases: running tasks are known by it', () => {
    expect(fingerprintOf(request(spec))).toBe('1da258dfb102c42c3197cbea4f6bfda6');
  });

  test.each<[string, TaskRequest]>([
    ['a value', request({ request: { ...spec.request, a: 2 } })],
    ['the order of a list', request({ request: { a: 1, b: { c: [2, 1], d: null } } })],
    ['inputs', request(spec, { inputs: { x: 1 } })],
    ['the output prefix', request(spec, { outputPrefix: 's3://b' })],
    ['the version', { ...request(spec), template: { ...request(spec).template, version: 1 } }],
  ])('%s makes it another task', (_what, other) => {
    expect(fingerprintOf(other)).not.toBe(fingerprintOf(request(spec)));
  });
});

describe('assertPayloadSize', () => {
  const kib = (count: number): string => 'x'.repeat(count * 1024);

  test('just under one MiB passes', () => {
    expect(() => assertPayloadSize(request({ request: { note: kib(1023) } }))).not.toThrow();
  });

  test('bytes count, not characters', () => {
    expect(() => assertPayloadSize(request({ request: { note: 'ü'.repeat(600 * 1024) } }))).toThrow(
      /1201 KiB/,
    );
  });

  test.each<[string, TaskRequest, string]>([
    ['in the spec', request({ request: { note: kib(900), small: kib(200) } }), 'custom.request.note'],
    ['in the inputs', request({ request: { note: kib(100) } }, { inputs: { rows: kib(1000) } }), 'inputs'],
    ['at the top', request({ script: kib(1100) }), 'custom.script'],
  ])('the largest field %s is named', (_where, tooLarge, field) => {
    expect(() => assertPayloadSize(tooLarge)).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', field, message: expect.stringContaining(field) }),
    );
  });
});

describe('generateTaskId', () => {
  const now = new Date('2026-11-21T14:30:05.999Z');
  const idOf = (name: string | undefined): string => {
    const { template, ...rest } = request({});
    const { name: _name, ...unnamed } = template;
    return generateTaskId({ ...rest, template: name === undefined ? unnamed : { ...unnamed, name } }, now);
  };

  test.each([
    ['Word count', 'word-count'],
    ['  --strange__Name!! ', 'strange-name'],
    ['日本語', 'databricks'],
    [undefined, 'databricks'],
    ['x'.repeat(300), 'x'.repeat(80)],
  ])('%j is readable, never begins with a dash, and tells its time', (name, slug) => {
    expect(idOf(name)).toMatch(new RegExp(`^${slug}-20261121-143005-[0-9a-z]{8}$`));
  });

  test('thousands in one second stay apart', () => {
    const ids = new Set(Array.from({ length: 5_000 }, () => idOf('same')));
    expect(ids.size).toBe(5_000);
  });
});

describe('assertTaskId', () => {
  test.each(['x', 'nightly 2026-11-21', 'flyte:a:b:c:d', 'ä'.repeat(500)])('%j is an id', (id) => {
    expect(() => assertTaskId(id)).not.toThrow();
  });

  test.each(['', '  ', 'a\nb', 'a\u0000', 'ä'.repeat(501)])('%j is none', (id) => {
    expect(() => assertTaskId(id)).toThrow(expect.objectContaining({ code: 'INVALID_TASK', field: 'id' }));
  });
});
