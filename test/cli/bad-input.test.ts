import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ERROR_TABLE, type ErrorCode } from '../../src/connector/errors';
import { buildDist, killCliProcesses, runCli, runCliJson } from './support/cli-process';

const folder = mkdtempSync(join(tmpdir(), 'lh-bad-input-'));
const home = join(folder, 'home');
const env = { LONGHAUL_HOME: home, HOME: folder };

beforeAll(buildDist);
afterAll(killCliProcesses);

const JOB = { task_key: 'a', existing_cluster_id: 'c', spark_python_task: { python_file: '/a.py' } };
const task = (changes: object, job: object = {}): string =>
  JSON.stringify({ type: 'databricks', spec: { tasks: [{ ...JOB, ...job }] }, ...changes });

interface BadInput {
  readonly rule: string;
  /** The file's text, or the path of one that is there. */
  readonly text?: string;
  readonly path?: string;
  readonly name?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly code: ErrorCode;
  readonly says: RegExp;
  readonly field?: string;
}

const fixture = (name: string): string => join(__dirname, '../fixtures/flyte', name);

const TABLE: readonly BadInput[] = [
  {
    rule: 'a missing file',
    path: join(folder, 'nowhere.yaml'),
    code: 'NOT_FOUND',
    says: /nowhere\.yaml does not exist/,
  },
  { rule: 'a folder', path: folder, code: 'NOT_FOUND', says: /is a folder/ },
  {
    rule: 'malformed YAML, with its line',
    text: 'type: databricks\nspec:\n  tasks: [\n  a: b\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: is no valid YAML: .* at line 4, column \d+/,
  },
  {
    rule: 'a YAML bomb of aliases',
    text: `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nspec: [*c,*c,*c,*c,*c,*c]\n`,
    code: 'INVALID_TASK',
    says: /is no valid YAML: .*alias/i,
  },
  {
    rule: 'malformed JSON, with its line',
    name: 'task.json',
    text: '{\n  "type": "databricks",\n  "spec": {,}\n}',
    code: 'INVALID_TASK',
    says: /^task\.json: is no valid JSON: .* at line 3, column 12/,
  },
  { rule: 'a list', text: '- a\n- b\n', code: 'INVALID_TASK', says: /must hold an object/ },
  { rule: 'an empty file', text: '', code: 'INVALID_TASK', says: /must hold an object \(got null\)/ },
  {
    rule: 'an object of no known form',
    text: 'hello: world\n',
    code: 'INVALID_TASK',
    says: /neither a task file .*, a Databricks body .* nor a Flyte template/,
    field: 'task',
  },
  {
    rule: 'a type without spec',
    text: 'type: databricks\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec: is missing/,
    field: 'spec',
  },
  {
    rule: 'a type with tasks but no spec, which would lose its policy',
    text: 'type: databricks\ntasks: []\npolicy: { maxAttempts: 1 }\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec: is missing/,
    field: 'spec',
  },
  {
    rule: 'a job by both id and name',
    text: 'job_id: 9007199254740993\njob_name: nightly\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec\.job_name: cannot stand beside job_id/,
    field: 'spec.job_name',
  },
  {
    rule: 'a job name that is no text',
    text: 'type: databricks\nspec: { job_name: 4711 }\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec\.job_name: must be text \(got 4711\)/,
    field: 'spec.job_name',
  },
  {
    rule: 'a job cluster in a submitted run, with what to do',
    text: task({}, { existing_cluster_id: undefined, job_cluster_key: 'shared' }),
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec\.tasks\[0\]\.job_cluster_key: is for saved jobs; a submitted run names new_cluster itself/,
    field: 'spec.tasks[0].job_cluster_key',
  },
  {
    rule: 'a body of only known members that holds no task',
    text: 'queue: { enabled: true }\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec: must hold a task type/,
    field: 'spec',
  },
  {
    rule: 'an unknown task type',
    text: 'type: bigquery\nspec: { query: x }\n',
    code: 'UNKNOWN_TASK_TYPE',
    says: /^task\.yaml: type: no connector serves bigquery v0 \(registered: airflow v0, databricks v0, spark v0\)/,
    field: 'type',
  },
  {
    rule: 'an unknown version of a task type',
    text: task({ version: 7 }),
    code: 'UNKNOWN_TASK_TYPE',
    says: /no connector serves databricks v7/,
  },
  {
    rule: 'a type that is no text',
    text: task({ type: 5 }),
    code: 'INVALID_TASK',
    says: /^task\.yaml: type: .*got 5/,
  },
  {
    rule: 'a spec that is no object',
    text: 'type: databricks\nspec: [a]\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec: must be an object/,
    field: 'spec',
  },
  {
    rule: 'tasks that are no list',
    text: 'type: databricks\nspec: { tasks: soon }\n',
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec\.tasks: /,
    field: 'spec.tasks',
  },
  {
    rule: 'missing compute',
    text: task({}, { existing_cluster_id: undefined }),
    code: 'INVALID_TASK',
    says: /^task\.yaml: spec\.tasks\[0\]: a spark_python_task needs existing_cluster_id, new_cluster or environment_key/,
    field: 'spec.tasks[0]',
  },
  {
    rule: 'an unknown top-level key',
    text: task({ polcy: {} }),
    code: 'INVALID_TASK',
    says: /^task\.yaml: polcy: is not known \(known: type, .*policy/,
    field: 'polcy',
  },
  {
    rule: 'what no connector takes, in a JSON file too',
    name: 'job.json',
    text: task({}, { existing_cluster_id: undefined }),
    code: 'INVALID_TASK',
    says: /^job\.json: spec\.tasks\[0\]: a spark_python_task needs/,
    field: 'spec.tasks[0]',
  },
  {
    rule: 'an unknown policy field',
    text: task({ policy: { executionTimeOut: '1h' } }),
    code: 'INVALID_TASK',
    says: /^task\.yaml: policy\.executionTimeOut: is not known .*executionTimeout/,
    field: 'policy.executionTimeOut',
  },
  {
    rule: 'a policy value that is no duration',
    text: task({ policy: { executionTimeout: 'soon' } }),
    code: 'INVALID_TASK',
    says: /^task\.yaml: policy\.executionTimeout: must be a duration such as .*got "soon"/,
  },
  {
    rule: 'a spec of three megabytes',
    text: task(
      {},
      { spark_python_task: { python_file: '/a.py', parameters: ['x'.repeat(3 * 1024 * 1024)] } },
    ),
    code: 'PAYLOAD_TOO_LARGE',
    says: /are 30\d\d KiB; the limit is 1024 KiB. The largest field is .*request\.tasks/,
  },
  {
    rule: 'a token of its own',
    text: JSON.stringify({ idempotency_token: 'mine', tasks: [JOB] }),
    code: 'INVALID_TASK',
    says: /idempotency_token: is set by Longhaul/,
    field: 'spec.idempotency_token',
  },
  {
    rule: 'a Spark task of Flyte that is not for Databricks',
    path: fixture('template-v1-spark-k8s.json'),
    code: 'INVALID_TASK',
    says: /^template-v1-spark-k8s\.json: custom\.databricksConf: is missing or empty: this spark task is not for Databricks/,
    field: 'custom.databricksConf',
  },
  {
    rule: 'a secret outside of secrets.allow',
    text: task({}, { spark_python_task: { python_file: '/a.py', parameters: [{ $secret: 'env:HOME' }] } }),
    code: 'PERMISSION_DENIED',
    says: /the secret env:HOME is not in secrets\.allow/,
  },
  {
    rule: 'a foreign host',
    text: task({ workspace: 'https://evil.example.com' }),
    code: 'CONFIG',
    says: /host https:\/\/evil\.example\.com is not configured here, so it gets no credentials/,
  },
  {
    rule: 'a workspace that nobody configured',
    text: task({}),
    args: ['--workspace', 'prod'],
    code: 'CONFIG',
    says: /No Databricks workspace is named prod \(configured: simulated\)/,
  },
  {
    rule: 'a workspace that lacks its token, instead of the simulated one in its place',
    text: task({}),
    env: { DATABRICKS_HOST: 'https://adb-1.azuredatabricks.net' },
    code: 'CONFIG',
    says: /workspace default cannot be used: it has neither a token/,
  },
  {
    rule: 'a workspace for a task type that has none',
    text: task({ type: 'bash', workspace: 'x' }),
    code: 'INVALID_TASK',
    says: /^task\.yaml: workspace: is for the types databricks and spark only/,
  },
  {
    rule: 'an empty id, which is no fault of the file',
    text: task({}),
    args: ['--id', ''],
    code: 'INVALID_TASK',
    says: /^id: must not be empty/,
  },
];

test.each(TABLE)(
  '$rule is refused in one message, with its exit code, and nothing is started',
  async (bad) => {
    const path = bad.path ?? join(folder, bad.name ?? 'task.yaml');
    if (bad.text !== undefined) writeFileSync(path, bad.text);
    const args = ['run', path, ...(bad.args ?? [])];
    const { code, document } = await runCliJson(args, { env: { ...env, ...bad.env } });
    expect(document).toEqual({
      error: {
        code: bad.code,
        message: expect.stringMatching(bad.says),
        ...(bad.code === 'CONFIG' ? { advice: expect.any(String) } : {}),
        ...(bad.field === undefined ? {} : { field: bad.field }),
        ...optionalParts(document),
      },
    });
    expect(code).toBe(ERROR_TABLE[bad.code].exitCode);
    expect(readdirSync(folder)).not.toContain('home');
  },
);

/** Advice and field are welcome where the table does not name them. */
function optionalParts(document: unknown): object {
  const { error } = document as { error: Record<string, unknown> };
  const { advice, field } = error;
  return { ...(advice === undefined ? {} : { advice }), ...(field === undefined ? {} : { field }) };
}

test('for a person it is one line with the reason, and advice', async () => {
  const path = join(folder, 'task.yaml');
  writeFileSync(path, task({ workspace: 'https://evil.example.com' }));
  const { code, stdout, stderr } = await runCli(['run', path], { env });
  expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
  expect(stderr).toMatch(/^CONFIG: The Databricks host .*\n {2}Set DATABRICKS_HOST .*\n$/);
});

test.each([
  ['an unknown command', ['frobnicate'], /unknown command 'frobnicate'/],
  ['an unknown option', ['list', '--frob'], /unknown option '--frob'/],
  ['a missing argument', ['run'], /missing required argument 'file'/],
  ['a number that is none', ['list', '--limit', 'many'], /'many' is invalid. It must be a whole number/],
  ['a phase that is none', ['list', '--phase', 'HAPPY'], /It must be one of UNDEFINED, QUEUED/],
  ['an unknown shell', ['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
  ['two options that exclude each other', ['run', 'x', '--attach', '--again'], /cannot be used with/],
])('%s ends with usage and exit code 2', async (_what, args, says) => {
  const { code, stdout, stderr } = await runCli(args, { env });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(says);
  expect(await runCliJson(args, { env })).toEqual({
    code: 2,
    document: { error: { code: 'USAGE', message: expect.stringMatching(says) } },
  });
});

test.each([
  [join(folder, 'nowhere/run'), /nowhere\/run does not exist/, undefined],
  ['run.json', /run\.json does not exist/, undefined],
  ['CLOUD_FAILRE', /CLOUD_FAILRE is no termination code/, /Did you mean CLOUD_FAILURE\?/],
  ['RUN_GON', /RUN_GON is no termination code/, /Did you mean RUN_GONE\?/],
])('explain %s looks for no task: it was meant otherwise', async (subject, says, advice) => {
  const { code, document } = await runCliJson(['explain', subject], { env });
  expect(code).toBe(ERROR_TABLE.NOT_FOUND.exitCode);
  expect(document).toMatchObject({
    error: {
      message: expect.stringMatching(says) as string,
      ...(advice === undefined ? {} : { advice: expect.stringMatching(advice) as string }),
    },
  });
});

test('explain tells Longhaul’s own codes without asking anybody', async () => {
  const { code, document } = await runCliJson(['explain', 'run_gone'], { env });
  expect(code).toBe(0);
  expect(document).toMatchObject([{ subject: 'error RUN_GONE' }, { action: 'retry' }]);
});
