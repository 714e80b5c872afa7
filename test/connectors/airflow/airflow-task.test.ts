import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';

import { LonghaulError, parseTaskTemplate, type JsonObject, type TaskTemplate } from '../../../src/connector';
import { parseAirflowTask } from '../../../src/connectors/airflow';

const BASH = 'airflow.providers.standard.operators.bash.BashOperator';
const HOOK = 'airflow.providers.http.hooks.http.HttpHook';

const template = (custom: JsonObject): TaskTemplate => ({ type: 'airflow', version: 0, custom });
const parse = (custom: JsonObject): ReturnType<typeof parseAirflowTask> => parseAirflowTask(template(custom));

function refusalOf(custom: JsonObject): LonghaulError {
  try {
    parse(custom);
  } catch (error) {
    return LonghaulError.from(error);
  }
  throw new Error('It was accepted.');
}

function flyteTemplate(name: string): TaskTemplate {
  const file = join(__dirname, `../../fixtures/flyte/template-v1-airflow-${name}.json`);
  return parseTaskTemplate(JSON.parse(readFileSync(file, 'utf8')));
}

describe('the plain form', () => {
  test('an operator with all that Airflow knows of a task', () => {
    const task = parse({
      operator: BASH,
      parameters: { bash_command: 'echo {{ ds }}', retry_delay: { $timedelta: '30s' } },
      params: { day: 'monday' },
      upstream: { extract: { return_value: [1, 2], rows: 7 } },
      connections: {
        api: { conn_type: 'http', host: 'h', password: { $secret: 'env:LONGHAUL_SECRET_API' } },
      },
      variables: { region: 'eu', api_key: { $secret: 'env:LONGHAUL_SECRET_KEY' } },
      conf: { full: true },
      retries: 2,
      dag_id: 'nightly',
      task_id: 'load.rows',
      run_id: 'scheduled__2026-11-21T06:00:00+00:00',
      logical_date: '2026-11-21T06:00:00Z',
      data_interval_start: '2026-11-20',
      data_interval_end: '2026-11-21 00:00',
      airflow: 2,
    });
    expect(task).toEqual({ classPath: BASH, attempts: 3, major: 2 });
  });

  test('a hook with its method', () => {
    expect(
      parse({ hook: HOOK, method: 'run', parameters: { method: 'GET' }, args: { endpoint: '/x' } }),
    ).toEqual({
      classPath: HOOK,
      attempts: 1,
    });
  });

  test.each<[string, JsonObject, number]>([
    ['beside the operator', { retries: 4 }, 5],
    ['among its parameters', { parameters: { retries: 1 } }, 2],
    ['in both: the task’s own word counts', { retries: 0, parameters: { retries: 7 } }, 1],
    ['nowhere', {}, 1],
  ])('retries %s', (_where, members, attempts) => {
    expect(parse({ operator: BASH, ...members }).attempts).toBe(attempts);
  });

  test.each<[string, JsonObject, [string, RegExp]]>([
    ['nothing to run', {}, ['spec.operator', /is missing/]],
    ['an operator and a hook', { operator: BASH, hook: HOOK }, ['spec.hook', /beside operator/]],
    ['an operator with args', { operator: BASH, args: {} }, ['spec.args', /beside operator/]],
    ['a hook without a method', { hook: HOOK }, ['spec.method', /is missing/]],
    ['a private method', { hook: HOOK, method: '_run' }, ['spec.method', /public method/]],
    ['a class without a module', { operator: 'BashOperator' }, ['spec.operator', /dotted class path/]],
    ['a path with a shell in it', { operator: 'os.system("id")' }, ['spec.operator', /dotted class path/]],
    ['names of Python’s own', { operator: 'airflow.__import__.x' }, ['spec.operator', /dotted class path/]],
    ['an unknown member', { operator: BASH, colour: 1 }, ['spec.colour', /is not known \(known: operator/]],
    ['a near miss', { operator: BASH, parameter: {} }, ['spec.parameter', /did you mean parameters\?/]],
    [
      'a parameter beside them',
      { operator: BASH, retry_delay: 30 },
      ['spec.retry_delay', /belongs into spec.parameters/],
    ],
    [
      'parameters that are a list',
      { operator: BASH, parameters: [] },
      ['spec.parameters', /must be an object/],
    ],
    ['a DAG', { operator: BASH, parameters: { dag: 'd' } }, ['spec.parameters.dag', /outside any DAG/]],
    ['half a retry', { operator: BASH, retries: 1.5 }, ['spec.retries', /integer from 0 to 100/]],
    ['too many retries', { operator: BASH, retries: 101 }, ['spec.retries', /integer from 0 to 100/]],
    ['a DAG id with a slash', { operator: BASH, dag_id: 'a/b' }, ['spec.dag_id', /characters/]],
    [
      'a date that is none',
      { operator: BASH, logical_date: '2026-02-30' },
      ['spec.logical_date', /must be a date/],
    ],
    [
      'a time that is none',
      { operator: BASH, logical_date: '2026-02-01T25:00Z' },
      ['spec.logical_date', /must be a date/],
    ],
    [
      'a number for a date',
      { operator: BASH, data_interval_end: 5 },
      ['spec.data_interval_end', /must be a date/],
    ],
    ['Airflow 1', { operator: BASH, airflow: 1 }, ['spec.airflow', /must be 2 or 3/]],
    ['Airflow as text', { operator: BASH, airflow: '3' }, ['spec.airflow', /must be 2 or 3/]],
    ['XComs that are none', { operator: BASH, upstream: { a: 1 } }, ['spec.upstream.a', /object of XComs/]],
    [
      'a secret that templates would show',
      { operator: BASH, params: { a: [{ $secret: 'env:X' }] } },
      ['spec.params.a[0]', /is a secret/],
    ],
  ])('refuses %s, by field', (_what, custom, [field, words]) => {
    expect(refusalOf(custom)).toMatchObject({
      code: 'INVALID_TASK',
      field,
      message: expect.stringMatching(words),
    });
  });

  test('whatever JSON it is given, it accepts it or refuses it in words', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('operator', 'hook', 'parameters', 'connections', 'airflow', 'x'),
          fc.jsonValue(),
        ),
        (custom) => {
          try {
            parse(custom as JsonObject);
          } catch (error) {
            expect(error).toBeInstanceOf(LonghaulError);
          }
        },
      ),
    );
  });
});

describe('connections and variables', () => {
  const withConnection = (connection: JsonObject): JsonObject => ({
    operator: BASH,
    connections: { c: { conn_type: 'http', ...connection } },
  });

  test.each<[string, JsonObject]>([
    [
      'host, login and port',
      { host: 'https://h:8443/x', login: 'ana', port: 8443, schema: 's', description: 'd' },
    ],
    ['a password by reference', { password: { $secret: 'env:A' } }],
    ['an empty password', { password: '' }],
    ['a whole extra by reference', { extra: { $secret: 'file:/run/x' } }],
    [
      'plain facts in extra',
      { extra: { region: 'eu', token_url: 'https://t', private_key_file: '/k', use_token: true } },
    ],
    ['secrets in extra by reference', { extra: { auth: { client_secret: { $secret: 'env:A' } } } }],
  ])('%s may be given', (_what, connection) => {
    expect(() => parse(withConnection(connection))).not.toThrow();
  });

  test.each<[string, JsonObject, string]>([
    ['a password in clear', { password: 'hunter2' }, 'password'],
    ['a password in the host', { host: 'https://ana:hunter2@h/x' }, 'host'],
    ['a token in extra', { extra: { token: 'hunter2' } }, 'extra.token'],
    ['a key in camel case', { extra: { accessKey: 'hunter2' } }, 'extra.accessKey'],
    ['a secret deep inside', { extra: { a: { client_secret: 'hunter2' } } }, 'extra.a.client_secret'],
    ['secrets in a list', { extra: { tokens_and: 1, api_key: ['hunter2'] } }, 'extra.api_key[0]'],
    ['extra as text', { extra: '{"token": "hunter2"}' }, 'extra'],
    ['a whole address', { uri: 'http://ana:hunter2@h' }, 'uri'],
    ['a port as text', { port: 'hunter2' }, 'port'],
  ])('%s is refused by name, its value never repeated', (_what, connection, member) => {
    const error = refusalOf(withConnection(connection));
    expect(error).toMatchObject({ code: 'INVALID_TASK', field: `spec.connections.c.${member}` });
    expect(JSON.stringify([error.message, error.advice])).not.toContain('hunter2');
  });

  test('a connection says its type', () => {
    expect(refusalOf({ operator: BASH, connections: { c: {} } }).field).toBe('spec.connections.c.conn_type');
  });

  test('a variable whose name says that it is a secret must be a reference', () => {
    const error = refusalOf({ operator: BASH, variables: { region: 'eu', db_password: 'hunter2' } });
    expect(error.field).toBe('spec.variables.db_password');
    expect(error.message).not.toContain('hunter2');
  });
});

describe('what needs a DAG', () => {
  test.each<[string, JsonObject]>([
    [
      'ExternalTaskSensor',
      { operator: 'airflow.providers.standard.sensors.external_task.ExternalTaskSensor' },
    ],
    ['TriggerDagRunOperator', { operator: 'airflow.operators.trigger_dagrun.TriggerDagRunOperator' }],
    ['mapped tasks', { operator: BASH, expand: { bash_command: ['a', 'b'] } }],
    ['mapped tasks', { operator: BASH, partial: {} }],
  ])('%s: refused in words with advice', (word, custom) => {
    expect(refusalOf(custom)).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(word),
      advice: expect.any(String),
    });
  });
});

describe('Flyte’s form', () => {
  test.each([
    ['bash', 'airflow.operators.bash.BashOperator'],
    ['bq', 'airflow.providers.google.cloud.operators.bigquery.BigQueryInsertJobOperator'],
    ['file-sensor', 'airflow.sensors.filesystem.FileSensor'],
  ])('the real template of %s is taken as it stands', (name, classPath) => {
    expect(parseAirflowTask(flyteTemplate(name))).toEqual({ classPath, attempts: 1 });
  });

  test('the real template of an ExternalTaskSensor is refused in words', () => {
    expect(() => parseAirflowTask(flyteTemplate('ext'))).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('ExternalTaskSensor'),
      }),
    );
  });

  const config = (parameters: JsonObject): string =>
    JSON.stringify({
      'py/object': 'flytekitplugins.airflow.task.AirflowObj',
      module: 'airflow.operators.bash',
      name: 'BashOperator',
      parameters,
    });

  test('the operator’s own retries, and the major beside it', () => {
    expect(parse({ task_config_pkl: config({ retries: 3 }), airflow_major: 2 })).toMatchObject({
      attempts: 4,
      major: 2,
    });
  });

  test.each<[string, JsonObject, string]>([
    ['another member', { task_config_pkl: config({}), operator: BASH }, 'custom.operator'],
    ['another major', { task_config_pkl: config({}), airflow_major: 4 }, 'custom.airflow_major'],
  ])('%s is refused by field', (_what, custom, field) => {
    expect(refusalOf(custom)).toMatchObject({ code: 'INVALID_TASK', field });
  });
});
