import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ConnectorRegistry } from '../../../src/connector';
import { AirflowConnector } from '../../../src/connectors/airflow';
import { createDatabricksConnectors, createWorkspaceDirectory } from '../../../src/connectors/databricks';
import { identify } from '../../../src/service/tasks/identify';
import { encodeWireMeta, parseWireMeta } from '../../../src/service/tasks/wire-meta';

const registry = new ConnectorRegistry();
for (const connector of createDatabricksConnectors({
  workspaces: createWorkspaceDirectory({ workspaces: [] }),
})) {
  registry.register(connector);
}

registry.register(new AirflowConnector());

const taskCategory = { name: 'databricks', version: 0 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const identified = (resourceMeta: Uint8Array): ReturnType<typeof identify> =>
  identify({ resourceMeta, taskCategory }, registry, 'default');
const fixture = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(join(__dirname, '../../fixtures/flyte', name), 'utf8')) as Record<string, string>;

test('the meta on the wire is small JSON with a version and names the task', () => {
  const meta = encodeWireMeta('flyte:default:x');
  expect(new TextDecoder().decode(meta)).toBe('{"longhaul":1,"task":"flyte:default:x"}');
  expect(parseWireMeta(meta, 'flyte:default:')).toBe('flyte:default:x');
  expect(identified(meta)).toEqual({ id: 'flyte:default:x' });
  expect(encodeWireMeta('x'.repeat(200)).length).toBeLessThan(1_000);
});

test.each([
  ['a version of the future', '{"longhaul":2,"task":"flyte:default:x"}', /not understood here \(known: 1\)/],
  ['a task of another cluster', '{"longhaul":1,"task":"flyte:other:x"}', /must name a task of this service/],
  ['a task that is not Flyte’s', '{"longhaul":1,"task":"word-count-1"}', /must name a task of this service/],
  ['no task at all', '{"longhaul":1}', /must name a task of this service/],
  ['nothing', '', /resource_meta/],
  ['garbage', '\u0080\u0002x', /resource_meta/],
  ['another JSON', '{"run_id":"x","databricks_instance":"h"}', /resource_meta.*run_id/],
])('%s is refused by name', (_what, text, message) => {
  expect(() => identified(bytes(text))).toThrow(message);
});

test('a meta that flytekit wrote names the run to follow, and its token goes nowhere', () => {
  const meta = fixture('resource-meta-v1.json')['databricks-pat'] ?? '';
  const { id, adoption } = identified(bytes(meta));
  expect(id).toMatch(/^flyte:default:adopted:databricks:[0-9a-f]{32}$/);
  expect(adoption?.adopted).toEqual({
    externalId: '123',
    meta: { version: 1, databricksInstance: 'dbx.example.invalid', runId: '123', flyte: true },
  });
  expect(JSON.stringify(adoption)).not.toContain('dapi-not-real');
});

test('the same run has one id, whatever else its meta holds; Flyte 2’s meta is read too', () => {
  const { 'databricks-pat': pat = '', 'databricks-oauth': oauth = '' } = fixture('resource-meta-v1.json');
  expect(identified(bytes(pat)).id).toBe(identified(bytes(oauth)).id);
  expect(identified(bytes('{"databricks_instance": "dbx.example.invalid", "run_id": "123"}')).id).toBe(
    identified(bytes(pat)).id,
  );
});

test('a pickle is refused', () => {
  const pickle = fixture('resource-meta-v1.json')['airflow-cloudpickle-base64'] ?? '';
  expect(() => identified(Buffer.from(pickle, 'base64'))).toThrow(/resource_meta/);
});

test('a meta that says what to run is followed only where it is ours', () => {
  const folder = join(__dirname, '../../contract/golden/airflowMetadata.json');
  const [meta] = JSON.parse(readFileSync(folder, 'utf8')) as readonly unknown[];
  const given = { resourceMeta: bytes(JSON.stringify(meta)), taskCategory: { name: 'airflow', version: 0 } };
  expect(() => identify(given, registry, 'default')).toThrow(/names no task of this service/);
});
