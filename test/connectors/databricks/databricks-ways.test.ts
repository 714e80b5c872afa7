import fc from 'fast-check';

import type { JsonObject, JsonValue } from '../../../src/connector';
import type { DatabricksConnectorV2 } from '../../../src/connectors/databricks';
import { parseLosslessJson, textAt } from '../../../src/connectors/databricks/databricks-json';
import { parseDatabricksTask } from '../../../src/connectors/databricks/databricks-task';
import { startSimulator, type Simulator } from '../../../src/simulator';
import {
  callContext,
  connectorFor,
  IDEMPOTENCY_TOKEN,
  notebookTask,
  submitRequest,
  template,
  TOKEN,
} from './support/calls';
import { COMPUTES, TASK_TYPES, type ComputeName } from './support/task-types';

let simulator: Simulator;
let connector: DatabricksConnectorV2;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: [TOKEN], speed: 1000 });
  connector = connectorFor({ host: simulator.url });
});

afterAll(async () => {
  await connector.close();
  await simulator.close();
});

let starts = 0;

/** The body as it reached the workspace, without what Longhaul adds. */
async function received(request: JsonObject): Promise<JsonValue> {
  const idempotencyToken = `${IDEMPOTENCY_TOKEN.slice(0, 40)}-${(starts += 1)}`;
  await connector.create({ ...submitRequest(request), idempotencyToken }, callContext());
  const body = parseLosslessJson(simulator.counters().lastSubmitBody ?? '');
  const { idempotency_token: token, run_name: name, queue, ...rest } = body as JsonObject;
  expect(token).toBe(idempotencyToken);
  const { queue: asked } = request;
  expect(queue).toEqual(asked ?? { enabled: true });
  if (!('job_id' in request)) expect(name).toMatch(/ \[lh:.{12}\]$/);
  return asked === undefined ? rest : { ...rest, queue: asked };
}

/** Databricks writes and reads ids as integers: what is text in our hands only because it is long. */
const asJson = (value: JsonObject): JsonValue => parseLosslessJson(JSON.stringify(value));

const ENVIRONMENTS = [
  { environment_key: 'serverless', spec: { environment_version: '2', dependencies: ['x'] } },
];

const ROWS = TASK_TYPES.flatMap(({ type, task, runsOn }) =>
  (Object.keys(COMPUTES) as ComputeName[]).map((compute) => ({
    type,
    compute,
    isAllowed: runsOn.includes(compute),
    task: { task_key: 'main', [type]: task, ...COMPUTES[compute] },
  })),
);

/** Of what their documents leave open Databricks decides itself. */
const JUDGED: readonly string[] = [
  ...['spark_python_task', 'spark_jar_task', 'spark_submit_task', 'python_wheel_task', 'condition_task'],
];

describe('a submitted run', () => {
  const allowed = ROWS.filter(({ isAllowed, compute }) => isAllowed && compute !== 'job_cluster_key');

  it.each(allowed)('of a $type on $compute arrives as it was written', async ({ task, compute }) => {
    const request = {
      tasks: [task],
      ...(compute === 'environment_key' ? { environments: ENVIRONMENTS } : {}),
    };
    expect(await received(request)).toEqual(asJson(request));
  });

  const single = allowed.filter(({ compute }) => compute !== 'environment_key');
  it.each(single)('of one $type on $compute at the top arrives as it was written', async ({ task }) => {
    const { task_key: _, ...request } = task;
    expect(await received(request)).toEqual(asJson(request));
  });

  it.each(TASK_TYPES.filter(({ type }) => type !== 'for_each_task'))(
    'of a $type for each input arrives as it was written',
    async ({ type, task, runsOn }) => {
      const [compute = 'none'] = runsOn;
      const nested = { task_key: 'inner', [type]: task, ...COMPUTES[compute] };
      const request = { tasks: [{ task_key: 'outer', for_each_task: { inputs: '[1]', task: nested } }] };
      expect(await received(request)).toEqual(asJson(request));
    },
  );

  it.each(ROWS.filter(({ compute }) => compute === 'job_cluster_key'))(
    'of a $type on a job cluster is refused with what to do',
    ({ task }) => {
      expect(() => parse({ tasks: [task] })).toThrow(
        expect.objectContaining({
          field: 'spec.tasks[0].job_cluster_key',
          message: expect.stringMatching(/saved jobs.*new_cluster/),
        }),
      );
    },
  );

  const refused = ROWS.filter(
    ({ isAllowed, compute, type }) => !isAllowed && compute !== 'job_cluster_key' && JUDGED.includes(type),
  );
  it.each(refused)('of a $type on $compute is refused by field', ({ task, compute }) => {
    const field = compute === 'none' ? 'spec.tasks[0]' : `spec.tasks[0].${compute}`;
    expect(() => parse({ tasks: [task], environments: ENVIRONMENTS })).toThrow(
      expect.objectContaining({ code: 'INVALID_TASK', field }),
    );
  });
});

describe('a saved job', () => {
  const saved = ROWS.filter(({ isAllowed }) => isAllowed);

  it.each(saved)('of a $type on $compute runs by its id and by its name', async ({ task, type, compute }) => {
    const name = `${type} on ${compute}`;
    const clusters = [{ job_cluster_key: 'shared', ...COMPUTES.new_cluster }];
    const jobId = await saveJob({ name, tasks: [task], job_clusters: clusters, environments: ENVIRONMENTS });
    const more = { job_parameters: { day: '1' }, only: ['main'] };
    expect(await received({ job_id: jobId, ...more })).toEqual({ job_id: jobId, ...more });
    const byName = submitRequest({ job_name: name, ...more });
    expect(await connector.prepare(byName, callContext())).toEqual({ jobId });
  });

  it.each<[string, JsonObject]>([
    ['job_parameters', { job_parameters: { day: '2026-11-21', n: 3 } }],
    ['notebook_params', { notebook_params: { name: 'x' } }],
    ['jar_params', { jar_params: ['a', 2] }],
    ['python_params', { python_params: ['--a'] }],
    ['python_named_params', { python_named_params: { a: 'b' } }],
    ['spark_submit_params', { spark_submit_params: ['--class', 'M'] }],
    ['sql_params', { sql_params: { a: 'b' } }],
    ['dbt_commands', { dbt_commands: ['dbt run'] }],
    ['pipeline_params', { pipeline_params: { full_refresh: true } }],
    ['only', { only: ['main', 'main+', '+main'] }],
    ['queue', { queue: { enabled: false } }],
    ['performance_target', { performance_target: 'PERFORMANCE_OPTIMIZED' }],
    ['a performance_target of tomorrow', { performance_target: 'LUDICROUS' }],
    ['a field of tomorrow', { future: { a: [1] } }],
    [
      'every kind of parameters, empty, as Airflow sends them',
      { notebook_params: {}, jar_params: [], python_params: [], spark_submit_params: [], sql_params: [] },
    ],
  ])('is run with %s as written', async (_what, more) => {
    const jobId = await saveJob({ name: 'with more', tasks: [notebookTask('main')] });
    expect(await received({ job_id: jobId, ...more })).toEqual({ job_id: jobId, ...more });
  });
});

async function saveJob(settings: JsonObject): Promise<string> {
  const answer = await fetch(`${simulator.url}/api/2.2/jobs/create`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(settings),
  });
  return textAt(parseLosslessJson(await answer.text()) as JsonObject, 'job_id') ?? '';
}

const parse = (request: JsonObject): unknown => parseDatabricksTask(template({ request }));

const EVERYTHING: JsonObject = {
  run_name: 'all',
  tasks: [
    notebookTask('a', {
      description: 'first',
      timeout_seconds: '3600',
      max_retries: -1,
      min_retry_interval_millis: 1000,
      retry_on_timeout: true,
      disable_auto_optimization: true,
      disabled: false,
      new_cluster: null,
      libraries: [{ pypi: { package: 'simplejson' } }],
      health: { rules: [{ metric: 'RUN_DURATION_SECONDS', op: 'GREATER_THAN', value: 10 }] },
      email_notifications: { on_failure: ['a@example.com'], no_alert_for_skipped_runs: true },
      notification_settings: { alert_on_last_attempt: true },
    }),
    notebookTask('b', { depends_on: [{ task_key: 'a' }], run_if: 'A_RULE_OF_TOMORROW' }),
  ],
  timeout_seconds: 0,
  git_source: { git_url: 'https://example.com/r', git_provider: 'gitHub', git_branch: 'main' },
  environments: ENVIRONMENTS,
  environment_variables: [{ environment_variables_key: 'e', variables: { A: '1' }, files: ['/f'] }],
  queue: { enabled: true },
  run_as: { service_principal_name: 'sp' },
  access_control_list: [{ user_name: 'ana', permission_level: 'CAN_VIEW' }],
  budget_policy_id: 'b',
  usage_policy_id: 'u',
  health: { rules: [{ metric: 'A_METRIC_OF_TOMORROW', op: 'GREATER_THAN', value: 1 }] },
  performance_target: 'STANDARD',
  duration_target: { anything: 1 },
  email_notifications: { on_start: ['a@example.com'] },
  webhook_notifications: { on_failure: [{ id: 'w' }] },
  notification_settings: { no_alert_for_canceled_runs: true },
};

test('every documented field of a submitted run arrives as it was written', async () => {
  const { run_name: _, ...rest } = EVERYTHING;
  expect(await received(EVERYTHING)).toEqual(rest);
});

test('fields that nobody knows pass untouched, wherever they stand', () => {
  const unknown = fc.dictionary(
    fc.string().map((key) => `x_${key}`),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(unknown, unknown, unknown, (top, inTask, inType) => {
      const task = notebookTask('a', { ...inTask, notebook_task: { notebook_path: '/a', ...inType } });
      const request: JsonObject = { tasks: [task], ...top };
      expect(parse(request)).toMatchObject({ operation: 'submit', body: request });
      expect(parse({ job_id: 1, ...top })).toMatchObject({ operation: 'run-now' });
    }),
  );
});

const one = (more: JsonObject): JsonObject => ({ tasks: [notebookTask('a', more)] });
const typed = (type: string, task: JsonObject, more: JsonObject = {}): JsonObject => ({
  tasks: [{ task_key: 'a', [type]: task, ...more }],
});
const top = (more: JsonObject): JsonObject => ({ tasks: [notebookTask('a')], ...more });
const now = (more: JsonObject): JsonObject => ({ job_id: 1, ...more });
const many = (length: number): string[] => Array.from({ length }, (_, index) => `dbt run ${index}`);
const GIT = { git_url: 'u', git_provider: 'gitHub' };
const T = 'spec.tasks[0]';

test.each<[string, JsonObject, string, RegExp]>([
  [
    'two sql objects',
    typed('sql_task', { warehouse_id: 'w', query: { query_id: 'q' }, file: { path: 'p' } }),
    `${T}.sql_task`,
    /exactly one of query, dashboard, alert, file/,
  ],
  ['no sql object', typed('sql_task', { warehouse_id: 'w' }), `${T}.sql_task`, /exactly one/],
  [
    'a query without its id',
    typed('sql_task', { warehouse_id: 'w', query: {} }),
    `${T}.sql_task.query.query_id`,
    /is missing/,
  ],
  [
    'eleven dbt commands',
    typed('dbt_task', { commands: many(11) }),
    `${T}.dbt_task.commands`,
    /more than 10/,
  ],
  [
    'a command that is not dbt’s',
    typed('dbt_task', { commands: ['dbt deps', 'rm -rf /'] }),
    `${T}.dbt_task.commands[1]`,
    /begin with dbt/,
  ],
  [
    'a megabyte of base parameters',
    one({ notebook_task: { notebook_path: '/a', base_parameters: { a: 'x'.repeat(1_048_577) } } }),
    `${T}.notebook_task.base_parameters`,
    /1,048,576 bytes/,
  ],
  [
    'base parameters that are no texts',
    one({ notebook_task: { notebook_path: '/a', base_parameters: { a: {} } } }),
    `${T}.notebook_task.base_parameters.a`,
    /must be text/,
  ],
  [
    'a concurrency of none',
    typed('for_each_task', { inputs: '[]', concurrency: 0, task: notebookTask('n') }),
    `${T}.for_each_task.concurrency`,
    /1 or more/,
  ],
  [
    'for-each inside for-each',
    typed('for_each_task', {
      inputs: '[]',
      task: {
        task_key: 'n',
        for_each_task: { inputs: '[]', task: { task_key: 'm', spark_jar_task: { main_class_name: 'M' } } },
      },
    }),
    `${T}.for_each_task.task.for_each_task`,
    /cannot be nested/,
  ],
  [
    'a job cluster inside for-each',
    typed('for_each_task', { inputs: '[]', task: notebookTask('n', { job_cluster_key: 'k' }) }),
    `${T}.for_each_task.task.job_cluster_key`,
    /saved jobs/,
  ],
  [
    'a name where run_job_task needs an id',
    typed('run_job_task', { job_name: 'x' }),
    `${T}.run_job_task.job_id`,
    /is missing/,
  ],
  [
    '46 tags',
    one({
      new_cluster: { custom_tags: Object.fromEntries(Array.from({ length: 46 }, (_, i) => [`t${i}`, ''])) },
    }),
    `${T}.new_cluster.custom_tags`,
    /45 tags/,
  ],
  ['a run_if that is no text', one({ run_if: 5 }), `${T}.run_if`, /must be text/],
  ['retries of -2', one({ max_retries: -2 }), `${T}.max_retries`, /-1/],
  [
    'a health value in words',
    one({ health: { rules: [{ metric: 'M', op: 'GREATER_THAN', value: 'long' }] } }),
    `${T}.health.rules[0].value`,
    /integer/,
  ],
  [
    'a description of 1,001 characters',
    one({ description: 'x'.repeat(1_001) }),
    `${T}.description`,
    /1000 characters/,
  ],
  [
    'an address that is no list',
    top({ email_notifications: { on_failure: 'a@example.com' } }),
    'spec.email_notifications.on_failure',
    /list of texts/,
  ],
  [
    'four webhooks',
    top({ webhook_notifications: { on_start: [1, 2, 3, 4].map((n) => ({ id: `w${n}` })) } }),
    'spec.webhook_notifications.on_start',
    /more than 3/,
  ],
  [
    'a branch and a tag',
    top({ git_source: { ...GIT, git_branch: 'b', git_tag: 't' } }),
    'spec.git_source',
    /no more than one of git_branch, git_tag, git_commit/,
  ],
  ['no git provider', top({ git_source: { git_url: 'u' } }), 'spec.git_source.git_provider', /is missing/],
  [
    'a git commit of 65 characters',
    top({ git_source: { ...GIT, git_commit: 'a'.repeat(65) } }),
    'spec.git_source.git_commit',
    /64 characters/,
  ],
  [
    '101 environments',
    top({ environments: Array.from({ length: 101 }, (_, i) => ({ environment_key: `e${i}` })) }),
    'spec.environments',
    /more than 100/,
  ],
  [
    'two bases of an environment',
    top({
      environments: [{ environment_key: 'e', spec: { environment_version: '1', base_environment: 'b' } }],
    }),
    'spec.environments[0].spec',
    /no more than one/,
  ],
  [
    'six files of variables',
    top({ environment_variables: [{ environment_variables_key: 'k', files: many(6) }] }),
    'spec.environment_variables[0].files',
    /5 files/,
  ],
  [
    'two principals to run as',
    top({ run_as: { user_name: 'a', group_name: 'b' } }),
    'spec.run_as',
    /no more than one/,
  ],
  [
    'a permission for nobody',
    top({ access_control_list: [{ permission_level: 'CAN_VIEW' }] }),
    'spec.access_control_list[0]',
    /exactly one/,
  ],
  ['a queue that is no object', top({ queue: true }), 'spec.queue', /must be an object/],
  [
    'a performance target that is no text',
    top({ performance_target: 1 }),
    'spec.performance_target',
    /must be text/,
  ],
  [
    '10,001 bytes of notebook parameters',
    now({ notebook_params: { a: 'x'.repeat(10_000) } }),
    'spec.notebook_params',
    /10,000 bytes/,
  ],
  [
    'parameters of the wrong kind',
    now({ notebook_params: 'a=b' }),
    'spec.notebook_params',
    /object of texts/,
  ],
  ['an only that names no task', now({ only: ['a b'] }), 'spec.only[0]', /key of a task/],
  ['an only that is no list', now({ only: 'a' }), 'spec.only', /list of task keys/],
  [
    'a command of run-now that is not dbt’s',
    now({ dbt_commands: ['ls'] }),
    'spec.dbt_commands[0]',
    /begin with dbt/,
  ],
  ['a name beside the id', now({ job_name: 'n' }), 'spec.job_name', /cannot stand beside job_id/],
  ['an empty name', { job_name: '' }, 'spec.job_name', /must not be empty/],
  ['a name that is a secret', { job_name: { $secret: 'env:X' } }, 'spec.job_name', /must be text/],
  ['tasks beside a name', { job_name: 'n', tasks: [] }, 'spec.tasks', /saved job/],
])('%s is refused at the door, by field', (...row) => {
  const [, request, field, message] = row;
  expect(() => parse(request)).toThrow(
    expect.objectContaining({ code: 'INVALID_TASK', field, message: expect.stringMatching(message) }),
  );
});

test('the length of a secret is nobody’s to judge', () => {
  const params = { a: 'x'.repeat(9_900), b: { $secret: `env:${'LONG'.repeat(50)}` } };
  expect(parse(now({ notebook_params: params }))).toMatchObject({ operation: 'run-now' });
});
