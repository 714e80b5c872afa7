import type { JsonObject, JsonValue, TaskTemplate } from '../../../src/connector';
import { parseLosslessJson, stringifyLosslessJson } from '../../../src/connectors/databricks/databricks-json';
import { buildRequestBody, nameWithToken } from '../../../src/connectors/databricks/databricks-request';
import { parseDatabricksTask } from '../../../src/connectors/databricks/databricks-task';
import { IDEMPOTENCY_TOKEN, notebookTask, submitRequest, template } from './support/calls';

const parse = (request: JsonValue) => parseDatabricksTask(template({ request }));
const python = { python_file: 'a.py' };
const withTask = (more: JsonObject): JsonObject => ({ tasks: [{ task_key: 'a', ...more }] });

describe('a task of ours', () => {
  it('passes tasks of any type through untouched, unknown fields included', () => {
    const request: JsonObject = {
      run_name: 'many',
      unknown_field: { kept: [1, null] },
      environments: [{ environment_key: 'e', spec: { client: '1' } }],
      tasks: [
        notebookTask('notebook'),
        {
          task_key: 'python',
          spark_python_task: python,
          environment_key: 'e',
          depends_on: [{ task_key: 'notebook' }],
        },
        { task_key: 'jar', spark_jar_task: { main_class_name: 'M' }, existing_cluster_id: 'c' },
        {
          task_key: 'wheel',
          python_wheel_task: { package_name: 'p', entry_point: 'e' },
          new_cluster: { spark_version: '15.4', num_workers: 0 },
        },
        { task_key: 'sql', sql_task: { warehouse_id: 'w', query: { query_id: 'q' } } },
        { task_key: 'pipeline', pipeline_task: { pipeline_id: 'p' } },
        { task_key: 'job', run_job_task: { job_id: '9007199254740993' } },
        { task_key: 'if', condition_task: { op: 'EQUAL_TO', left: '1', right: '1' } },
        { task_key: 'each', for_each_task: { inputs: '[1]', task: notebookTask('inner') } },
        { task_key: 'new', holographic_task: { anything: true } },
      ],
    };
    expect(parse(request)).toEqual({ operation: 'submit', body: request, isFlyte: false });
  });

  it('may be a single task at the top of the body, whatever its run is called', () => {
    const request = {
      run_name: 'MLflow Run for /Shared/x y',
      spark_python_task: python,
      existing_cluster_id: 'c',
    };
    expect(parse(request).operation).toBe('submit');
  });

  it('with a job id runs that job', () => {
    expect(parse({ job_id: '12', job_parameters: { a: 'b' } }).operation).toBe('run-now');
  });

  it('may hold secret references wherever text is expected', () => {
    const request = withTask({
      spark_python_task: { ...python, parameters: [{ $secret: 'env:P' }] },
      new_cluster: { docker_image: { basic_auth: { password: { $secret: 'env:Q' } } } },
    });
    expect(parse(request).body).toBe(request);
  });

  it.each<[string, JsonValue, string, RegExp]>([
    ['no object', 'x', 'spec', /must be a Jobs API body/],
    ['own token', { ...withTask({}), idempotency_token: 't' }, 'spec.idempotency_token', /leave it out/],
    ['own token on run-now', { job_id: 1, idempotency_token: 't' }, 'spec.idempotency_token', /leave it out/],
    ['tags', { tasks: [notebookTask('a')], tags: { a: 'b' } }, 'spec.tags', /only saved jobs/],
    ['no task type', withTask({}), 'spec.tasks[0]', /must hold a task type/],
    ['no task at all', { run_name: 'r' }, 'spec', /must hold a task type/],
    ['no tasks', { tasks: [] }, 'spec.tasks', /at least one/],
    ['a task that is no object', { tasks: ['a'] }, 'spec.tasks[0]', /must be an object|object/],
    [
      'two task types',
      withTask({ notebook_task: { notebook_path: '/a' }, pipeline_task: { pipeline_id: 'p' } }),
      'spec.tasks[0]',
      /one task type only/,
    ],
    [
      'a task type that is no object',
      withTask({ magic_task: 'x' }),
      'spec.tasks[0].magic_task',
      /must be an object/,
    ],
    [
      'a bad key',
      { tasks: [notebookTask('a b')] },
      'spec.tasks[0].task_key',
      /1 to 100 characters.*got "a b"/,
    ],
    [
      'no key',
      { tasks: [{ notebook_task: { notebook_path: '/a' } }] },
      'spec.tasks[0].task_key',
      /is missing/,
    ],
    [
      'the same key twice',
      { tasks: [notebookTask('a'), notebookTask('a')] },
      'spec.tasks[1].task_key',
      /earlier task/,
    ],
    ['no compute', withTask({ spark_python_task: python }), 'spec.tasks[0]', /needs existing_cluster_id/],
    [
      'two computes',
      withTask({ spark_python_task: python, existing_cluster_id: 'c', new_cluster: {} }),
      'spec.tasks[0]',
      /one kind of compute/,
    ],
    [
      'a job cluster',
      withTask({ spark_python_task: python, job_cluster_key: 'k' }),
      'spec.tasks[0].job_cluster_key',
      /saved jobs/,
    ],
    [
      'an unknown environment',
      withTask({ spark_python_task: python, environment_key: 'e' }),
      'spec.tasks[0].environment_key',
      /names no entry/,
    ],
    [
      'an unknown dependency',
      { tasks: [notebookTask('a', { depends_on: [{ task_key: 'z' }] })] },
      'spec.tasks[0].depends_on[0].task_key',
      /names no task/,
    ],
    [
      'a cycle',
      {
        tasks: [
          notebookTask('a', { depends_on: [{ task_key: 'b' }] }),
          notebookTask('b', { depends_on: [{ task_key: 'a' }] }),
          notebookTask('c'),
        ],
      },
      'spec.tasks[0].depends_on',
      /cycle/,
    ],
    [
      'a half cluster size',
      withTask({ spark_python_task: python, new_cluster: { num_workers: 2.5 } }),
      'spec.tasks[0].new_cluster.num_workers',
      /integer.*got 2.5/,
    ],
    ['a time-out in words', { ...withTask({}), timeout_seconds: '1h' }, 'spec.timeout_seconds', /integer/],
    [
      'parameters that are no list',
      withTask({ spark_python_task: { ...python, parameters: 'x' } }),
      'spec.tasks[0].spark_python_task.parameters',
      /list of texts/,
    ],
    [
      'no notebook path',
      withTask({ notebook_task: {} }),
      'spec.tasks[0].notebook_task.notebook_path',
      /is missing/,
    ],
    [
      'a nested task without compute',
      withTask({ for_each_task: { inputs: '[]', task: { task_key: 'n', spark_python_task: python } } }),
      'spec.tasks[0].for_each_task.task',
      /needs existing_cluster_id/,
    ],
    [
      'both wheel parameters',
      withTask({
        existing_cluster_id: 'c',
        python_wheel_task: {
          package_name: 'p',
          entry_point: 'e',
          parameters: ['a'],
          named_parameters: { a: 'b' },
        },
      }),
      'spec.tasks[0].python_wheel_task.named_parameters',
      /cannot be combined/,
    ],
    ['a job id that lost digits', { job_id: 2 ** 53 }, 'spec.job_id', /in quotes/],
    ['a job id that is no id', { job_id: 'abc' }, 'spec.job_id', /64-bit id/],
    ['tasks beside a job id', { job_id: 1, tasks: [] }, 'spec.tasks', /cannot stand beside job_id/],
    [
      'notebook and jar parameters',
      { job_id: 1, notebook_params: { a: 'b' }, jar_params: ['c'] },
      'spec.jar_params',
      /cannot be combined/,
    ],
    [
      'a stray top-level task',
      { tasks: [notebookTask('a')], notebook_task: { notebook_path: '/x' } },
      'spec.notebook_task',
      /inside tasks/,
    ],
    [
      'a name of 5,000 bytes',
      { tasks: [notebookTask('a')], run_name: 'é'.repeat(2_500) },
      'spec.run_name',
      /4096 bytes/,
    ],
    [
      '1,001 tasks',
      { tasks: Array.from({ length: 1_001 }, (_, index) => notebookTask(`t${index}`)) },
      'spec.tasks',
      /more than 1000/,
    ],
  ])('with %s is refused by field', (...row) => {
    const [, request, field, message] = row;
    expect(() => parse(request)).toThrow(
      expect.objectContaining({
        code: 'INVALID_TASK',
        field,
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  it.each<[string, JsonObject, string]>([
    ['neither request nor databricksConf', {}, 'spec'],
    ['both', { request: {}, databricksConf: {} }, 'custom.databricksConf'],
    ['an unknown member', { request: {}, hots: 'x' }, 'hots'],
    ['a workspace that is no text', { request: {}, workspace: 5 }, 'workspace'],
  ])('whose custom has %s is refused by field', (_, custom, field) => {
    expect(() => parseDatabricksTask(template(custom))).toThrow(
      expect.objectContaining({ code: 'INVALID_TASK', field }),
    );
  });

  it('is not repeated in an error where it held a secret', () => {
    const request = withTask({ notebook_task: { notebook_path: '/a' }, description: { $secret: 5 } });
    expect(() => parse(request)).toThrow(expect.objectContaining({ field: 'spec.tasks[0].description' }));
  });
});

describe('the body that is sent', () => {
  const build = (request: JsonObject, more: Partial<TaskTemplate> = {}) => {
    const create = submitRequest(request, more);
    return buildRequestBody(parseDatabricksTask(create.template), create);
  };

  it.each([
    [{ run_name: 'nightly' }, {}, 'nightly'],
    [{}, { name: 'from template' }, 'from template'],
    [{}, {}, 'Untitled'],
  ])('names the run and whose it is: %j %j', (body, more, name) => {
    expect(build({ ...body, tasks: [notebookTask('a')] }, more)).toMatchObject({
      run_name: `${name} [lh:${IDEMPOTENCY_TOKEN.slice(-12)}]`,
      idempotency_token: IDEMPOTENCY_TOKEN,
    });
  });

  it('of a saved job has a token and no name', () => {
    expect(build({ job_id: '7' })).toEqual({
      job_id: '7',
      queue: { enabled: true },
      idempotency_token: IDEMPOTENCY_TOKEN,
    });
  });

  it('lets the run wait at Databricks rather than be skipped, unless it says itself', () => {
    const tasks = [notebookTask('a')];
    expect(build({ tasks })['queue']).toEqual({ enabled: true });
    expect(build({ tasks, queue: { enabled: false } })['queue']).toEqual({ enabled: false });
  });

  it('cuts a long name to 4,096 bytes without cutting a character', () => {
    const name = nameWithToken('é'.repeat(3_000), IDEMPOTENCY_TOKEN);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(4_096);
    expect(name).toMatch(/^é+ \[lh:.{12}\]$/);
  });

  it('has 64-bit ids as bare integers, and leaves parameters of that name alone', () => {
    const text = stringifyLosslessJson({
      job_id: '9223372036854775807',
      timeout_seconds: 3600.0,
      tasks: [
        { run_job_task: { job_id: '9007199254740993', job_parameters: { job_id: '5' } } },
        { for_each_task: { task: { run_job_task: { job_id: '8' } } } },
        { notebook_task: { base_parameters: { run_id: '6' } } },
      ],
    });
    expect(text).toBe(
      '{"job_id":9223372036854775807,"timeout_seconds":3600,"tasks":[' +
        '{"run_job_task":{"job_id":9007199254740993,"job_parameters":{"job_id":"5"}}},' +
        '{"for_each_task":{"task":{"run_job_task":{"job_id":8}}}},' +
        '{"notebook_task":{"base_parameters":{"run_id":"6"}}}]}',
    );
  });

  it('reads answers without rounding ids', () => {
    expect(parseLosslessJson('{"run_id":9007199254740993,"n":3600.0,"f":1.5,"e":1e400}')).toEqual({
      run_id: '9007199254740993',
      n: 3600,
      f: 1.5,
      e: '1e400',
    });
  });
});
