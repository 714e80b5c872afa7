import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';

import type { JsonObject, JsonValue } from '../../../src/connector';
import { AirflowMetadata } from '../../../src/connectors/airflow';
import { faultsOf, goldenPayloads } from '../../contract/contract-schema';

const TOKEN = 'lh-0197-1';

const task: JsonObject = {
  ...{ dagId: 'd', taskId: 't', runId: 'r', tryNumber: 1, retries: 0, startedAt: 1 },
  ...{ logicalDate: '2026-11-21T00:00:00+00:00', conf: {}, params: {}, upstream: {} },
  ...{ connections: {}, variables: {} },
};
const state: JsonObject = { operatorState: {}, taskState: {}, xcoms: {} };
const META: JsonObject = {
  version: 1,
  airflowMajor: 3,
  token: TOKEN,
  airflowOperator: { module: 'm', name: 'N', parameters: { a: [1, null, { b: true }] } },
  task,
  step: { kind: 'execute' },
  ...state,
};

const FIXTURES = join(__dirname, '../../fixtures/flyte');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const steps: readonly JsonObject[] = [
  { kind: 'execute' },
  { kind: 'poke', firstStartedAt: 1, nextPokeAt: 2 },
  { kind: 'trigger' },
  { kind: 'resume', nextMethod: 'execute_complete', nextKwargs: null, event: { status: 'success' } },
  { kind: 'kill', reason: 'canceled' },
  { kind: 'ended' },
];

describe('resource meta', () => {
  test.each(steps.map((step) => [step] as const))('decodes to what was encoded: %j', (step) => {
    const meta = AirflowMetadata.parse({
      ...META,
      step,
      airflowTrigger: { classpath: 'a.b.C', kwargs: { x: 1 }, deadlineAt: 9 },
      airflowTriggerCallback: 'execute_complete',
      nextKwargs: {},
      jobId: '4711',
    });
    expect(meta.step).toEqual(step);
    expect(AirflowMetadata.decode(AirflowMetadata.encode(meta))).toEqual(meta);
  });

  test.each(goldenPayloads('airflowMetadata').map((golden) => [golden] as const))(
    'what both languages keep to is read and written as it stands: %#',
    (golden) => {
      const meta = AirflowMetadata.parse(golden);
      expect(meta).toEqual(golden);
      expect(JSON.parse(new TextDecoder().decode(AirflowMetadata.encode(meta)))).toEqual(golden);
      expect(faultsOf('airflowMetadata', meta)).toEqual([]);
    },
  );

  test('whatever JSON the operator’s state is, it comes back as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const operatorState = JSON.parse(JSON.stringify(value)) as JsonObject;
        const meta = AirflowMetadata.parse({ ...META, operatorState });
        expect(AirflowMetadata.decode(AirflowMetadata.encode(meta)).operatorState).toEqual(operatorState);
      }),
    );
  });

  test('a hook’s meta is one too', () => {
    const { airflowOperator: _operator, ...rest } = META;
    const airflowHook = { module: 'm', name: 'N', parameters: {}, method: 'run', args: { a: 1 } };
    expect(AirflowMetadata.parse({ ...rest, airflowHook }).airflowHook).toEqual(airflowHook);
  });

  test('people know the job by its own id, until there is one by the token', () => {
    expect(AirflowMetadata.externalId(AirflowMetadata.parse(META))).toBe(TOKEN);
    expect(AirflowMetadata.externalId(AirflowMetadata.parse({ ...META, jobId: '4711' }))).toBe('4711');
  });

  test('a member of a later release is left out', () => {
    expect(AirflowMetadata.parse({ ...META, later: 1 })).toEqual(META);
  });

  test.each<[string, JsonValue, string]>([
    ['no object', [], 'resource_meta'],
    ['no version', without('version'), 'resource_meta.version'],
    ['a newer version', { ...META, version: 2 }, 'resource_meta.version'],
    ['another Airflow', { ...META, airflowMajor: 4 }, 'resource_meta.airflowMajor'],
    ['no token', without('token'), 'resource_meta.token'],
    ['an unknown step', { ...META, step: { kind: 'dance' } }, 'resource_meta.step.kind'],
    ['half a step', { ...META, step: { kind: 'poke', nextPokeAt: 1 } }, 'resource_meta.step.firstStartedAt'],
    ['no task', without('task'), 'resource_meta.task'],
  ])('refuses %s by field', (_what, value, field) => {
    expect(() => AirflowMetadata.parse(value)).toThrow(
      expect.objectContaining({ code: 'INVALID_TASK', field }),
    );
  });

  test('Flyte’s own, a Python pickle, is recognized and never read', () => {
    const file = JSON.parse(readFileSync(join(FIXTURES, 'resource-meta-v1.json'), 'utf8')) as Record<
      string,
      string
    >;
    const pickle = Buffer.from(file['airflow-cloudpickle-base64'] ?? '', 'base64');
    expect(() => AirflowMetadata.decode(pickle)).toThrow(
      /is a Python pickle of Flyte’s own Airflow connector/,
    );
  });

  test('bytes that are no JSON are refused in words', () => {
    expect(() => AirflowMetadata.decode(bytes('{"version": 1'))).toThrow(/resource_meta: is not JSON/);
  });
});

function without(member: string): JsonObject {
  return Object.fromEntries(Object.entries(META).filter(([key]) => key !== member));
}
