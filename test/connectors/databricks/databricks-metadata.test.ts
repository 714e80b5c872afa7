import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabricksJobMetadata } from '../../../src/connectors/databricks';

const FIXTURES = join(__dirname, '../../fixtures/flyte');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (encoded: Uint8Array): string => new TextDecoder().decode(encoded);

describe('resource meta', () => {
  it.each([
    { version: 1 as const, databricksInstance: 'dbx.example.invalid', runId: '9223372036854775807' },
    { version: 1 as const, databricksInstance: 'http://127.0.0.1:8765', runId: '1', flyte: true },
  ])('decodes to what was encoded: %j', (meta) => {
    expect(DatabricksJobMetadata.decode(DatabricksJobMetadata.encode(meta))).toEqual(meta);
    expect(DatabricksJobMetadata.parse(meta)).toEqual(meta);
  });

  it('is versioned JSON with Flyte’s keys', () => {
    const encoded = DatabricksJobMetadata.encode({ version: 1, databricksInstance: 'h.example', runId: '5' });
    expect(JSON.parse(text(encoded))).toEqual({ version: 1, databricks_instance: 'h.example', run_id: '5' });
  });

  it.each(['databricks-pat', 'databricks-oauth'])(
    'reads flytekit’s %s and drops what is not identity',
    (key) => {
      const file = JSON.parse(readFileSync(join(FIXTURES, 'resource-meta-v1.json'), 'utf8')) as Record<
        string,
        string
      >;
      const meta = DatabricksJobMetadata.decode(bytes(file[key] ?? ''));
      expect(meta).toEqual({
        version: 1,
        databricksInstance: 'dbx.example.invalid',
        runId: '123',
        flyte: true,
      });
      expect(text(DatabricksJobMetadata.encode(meta))).not.toContain('dapi');
    },
  );

  it('reads Flyte 2’s', () => {
    const file = readFileSync(join(FIXTURES, 'resource-meta-v2.json'));
    expect(DatabricksJobMetadata.decode(file)).toMatchObject({ runId: '123' });
  });

  it('keeps a 64-bit run id written as a number', () => {
    const meta = DatabricksJobMetadata.decode(bytes('{"databricks_instance":"h","run_id":9007199254740993}'));
    expect(meta.runId).toBe('9007199254740993');
  });

  it.each([
    ['a newer version', '{"version":2,"databricks_instance":"h","run_id":"1"}', 'resource_meta.version'],
    ['no host', '{"run_id":"1"}', 'resource_meta.databricks_instance'],
    ['no run id', '{"databricks_instance":"h","job_id":"abc"}', 'resource_meta.run_id'],
    ['a run id that is no number', '{"databricks_instance":"h","run_id":"../1"}', 'resource_meta.run_id'],
    ['no JSON', 'gAWVGwEAAA', 'resource_meta'],
    ['no object', '[]', 'resource_meta'],
  ])('refuses %s by field', (_, json, field) => {
    expect(() => DatabricksJobMetadata.decode(bytes(json))).toThrow(
      expect.objectContaining({ code: 'INVALID_TASK', field }),
    );
  });
});
