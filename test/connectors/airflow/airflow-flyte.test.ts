import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { LonghaulError } from '../../../src/connector';
import { readTaskConfig } from '../../../src/connectors/airflow/airflow-flyte';

/** The same vectors hold for the Python worker, which also decodes what is accepted. */
interface Vectors {
  readonly accepted: readonly {
    readonly name: string;
    readonly text: string;
    readonly expected: { readonly module: string; readonly name: string };
  }[];
  readonly refused: readonly { readonly name: string; readonly text: string; readonly reason: string }[];
}

const VECTORS = JSON.parse(
  readFileSync(join(__dirname, '../../fixtures/airflow/task-config-pkl.json'), 'utf8'),
) as Vectors;

/** What takes following the references by number: done where the text is decoded, by the worker. */
const SEEN_BY_THE_WORKER_ONLY: ReadonlySet<string> = new Set([
  'a list that holds itself',
  'lists that multiply through py/id',
]);

const text = (parameters: string, head = ''): string =>
  `{"py/object": "flytekitplugins.airflow.task.AirflowObj", "module": "airflow.operators.bash", "name": "BashOperator", ${head}"parameters": ${parameters}}`;

function refusalOf(given: string): LonghaulError {
  try {
    readTaskConfig(given);
  } catch (error) {
    return LonghaulError.from(error);
  }
  throw new Error('It was accepted.');
}

describe('task_config_pkl', () => {
  test.each(VECTORS.accepted)('takes: $name', ({ text: given, expected }) => {
    const { module, name } = expected;
    expect(readTaskConfig(given)).toMatchObject({ module, name });
  });

  const refused = VECTORS.refused.filter(({ name }) => !SEEN_BY_THE_WORKER_ONLY.has(name));

  test('only what must be left to the worker is left to it', () => {
    expect(VECTORS.refused.length - refused.length).toBe(SEEN_BY_THE_WORKER_ONLY.size);
  });

  test.each(refused)('refuses by name: $name', ({ text: given, reason }) => {
    const error = refusalOf(given);
    expect(['INVALID_TASK', 'PERMISSION_DENIED']).toContain(error.code);
    expect(error.message).toContain(reason);
  });

  test('a refusal says where it stands and that nothing was executed', () => {
    const error = refusalOf(text('{"a": [{"py/reduce": [{"py/function": "os.system"}, {"py/tuple": []}]}]}'));
    expect(error).toMatchObject({
      code: 'PERMISSION_DENIED',
      message:
        'custom.task_config_pkl.parameters.a[0]: py/reduce of os.system is refused; nothing of it was executed.',
    });
  });

  test.each([
    ['no text', undefined],
    ['an object', {}],
    ['half a megabyte and more', text(`{"a": "${'x'.repeat(512 * 1024)}"}`)],
    ['a hundred thousand brackets', '['.repeat(100_000)],
    ['names of Python’s own', text('{}').replace('airflow.operators.bash', 'airflow.__builtins__')],
  ])('%s is refused by field', (_what, given) => {
    expect(() => readTaskConfig(given)).toThrow(
      expect.objectContaining({
        code: 'INVALID_TASK',
        field: expect.stringMatching(/^custom\.task_config_pkl/),
      }),
    );
  });
});
