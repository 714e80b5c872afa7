import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { isJsonObject, type JsonObject } from '../../src/connector/json';
import { waitUntil } from '../support/wait-until';
import { buildDist, killCliProcesses, runCli, runCliJson } from './support/cli-process';
import { createEngineHome, createJobFile, JOBS, type EngineHome } from './support/engine-home';
import { connectWorkspace, type AskWorkspace } from './support/engine-workspace';

let engine: EngineHome;
let workspace: AskWorkspace;
const folder = mkdtempSync(join(tmpdir(), 'lh-forms-'));

beforeAll(async () => {
  await buildDist();
  engine = createEngineHome(60);
  await runCli(['submit', createJobFile('first', 'hello.py'), '--id', 'first'], { env: engine.env });
  workspace = await connectWorkspace(engine);
});
afterAll(async () => {
  killCliProcesses();
  await engine.close();
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function counters(): Promise<{ submits: number; runsCreated: number; submitBodies: string[] }> {
  return JSON.parse(await workspace('/simulator/counters')) as {
    submits: number;
    runsCreated: number;
    submitBodies: string[];
  };
}

async function run(file: string, ...args: string[]): Promise<JsonObject> {
  const { code, document } = await runCliJson(['run', file, ...args], { env: engine.env });
  if (!isJsonObject(document)) throw new Error('no object');
  expect({ code, error: document['error'] }).toEqual({ code: 0, error: undefined });
  return document;
}

const HELLO = { python_file: join(JOBS, 'hello.py') };

test('our task file in YAML: a ./ path lies beside it, ids beyond 2^53 keep their digits', async () => {
  writeFileSync(join(folder, 'beside.py'), 'print("beside")\n');
  const file = write(
    'own.yaml',
    [
      'type: databricks',
      'name: own',
      'spec:',
      '  budget_policy_id: 9007199254740993',
      '  tasks:',
      '    - task_key: a',
      '      existing_cluster_id: c',
      '      spark_python_task: { python_file: ./beside.py }',
    ].join('\n'),
  );
  expect(await run(file)).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', logs: ['beside'] });
  expect((await counters()).submitBodies.at(-1)).toContain('9007199254740993');
});

test('a submit body with tasks, as the Databricks CLI takes it', async () => {
  const tasks = [{ task_key: 'a', existing_cluster_id: 'c', spark_python_task: HELLO }];
  const body = { run_name: 'Nightly load', tasks };
  const done = await run(write('submit.json', JSON.stringify(body)));
  expect(done).toMatchObject({ name: 'Nightly load', logs: ['hello'] });
  expect(done['id']).toMatch(/^nightly-load-/);
});

test('--project says whose task it is, in place of what the file says', async () => {
  const tasks = [{ task_key: 'a', existing_cluster_id: 'c', spark_python_task: HELLO }];
  const file = write('owned.json', JSON.stringify({ type: 'databricks', project: 'ads', spec: { tasks } }));
  await run(file, '--id', 'owned', '--project', 'etl');
  const listed = await waitUntil('the task to be listed', async () => {
    const { document } = await runCliJson(['list', '--project', 'etl'], { env: engine.env });
    return Array.isArray(document) && document.length > 0 ? document : undefined;
  });
  expect(listed).toMatchObject([{ id: 'owned' }]);
});

test('a submit body of one task in the old form', async () => {
  const body = { run_name: 'old', existing_cluster_id: 'c', spark_python_task: HELLO };
  expect(await run(write('legacy.json', JSON.stringify(body)))).toMatchObject({ logs: ['hello'] });
});

interface SavedJob {
  readonly jobId: string;
  readonly name: string;
}

async function saveJob(name: string): Promise<SavedJob> {
  const tasks = [{ task_key: 'a', existing_cluster_id: 'c', spark_python_task: HELLO }];
  const answer = await workspace('/api/2.2/jobs/create', { name, tasks });
  const [jobId = ''] = /\d{16,}/.exec(answer) ?? [];
  return { jobId, name };
}

describe('a saved job by its name', () => {
  test('as a task file, with a policy; the task has the job’s name and the run its id', async () => {
    const { jobId } = await saveJob('Nightly load');
    const file = write(
      'by-name.yaml',
      [
        'type: databricks',
        'policy: { executionTimeout: 1h }',
        'spec:',
        '  job_name: Nightly load',
        '  job_parameters: { day: 2026-11-21 }',
      ].join('\n'),
    );
    expect(await run(file)).toMatchObject({ phase: 'SUCCEEDED', logs: ['hello'] });
    const [body] = (await counters()).submitBodies.slice(-1);
    expect(body).toContain(`"job_id":${jobId},"job_parameters":{"day":"2026-11-21"}`);
  });

  test('as a bare body, with what else run-now takes', async () => {
    await saveJob('hourly');
    const body = { job_name: 'hourly', only: ['a'], queue: { enabled: true }, notebook_params: {} };
    const done = await run(write('by-name.json', JSON.stringify(body)));
    expect(done).toMatchObject({ name: 'hourly', phase: 'SUCCEEDED', logs: ['hello'] });
    expect((await counters()).submitBodies.at(-1)).toContain('"only":["a"],"queue":{"enabled":true}');
  });

  test('that nobody has, or two have, starts nothing and says what there is', async () => {
    const [one, two] = [await saveJob('twice'), await saveJob('twice')];
    const before = await counters();
    expect(
      await runCliJson(['run', write('none.json', '{"job_name":"Twice"}')], { env: engine.env }),
    ).toMatchObject({
      code: 10,
      document: {
        state: 'FAILED',
        code: 'NOT_FOUND',
        message: expect.stringMatching(/is named "Twice"\. Near: "twice" \(job_id \d+\)/),
      },
    });
    expect(
      await runCliJson(['run', write('two.json', '{"job_name":"twice"}')], { env: engine.env }),
    ).toMatchObject({
      code: 2,
      document: { code: 'INVALID_TASK', message: expect.stringContaining(one.jobId) },
    });
    expect(two.jobId).not.toBe(one.jobId);
    expect(await counters()).toMatchObject({ submits: before.submits });
  });
});

test('a body with all that `databricks jobs submit --json` takes', async () => {
  const body = {
    run_name: 'everything',
    timeout_seconds: 600,
    queue: { enabled: true },
    performance_target: 'STANDARD',
    email_notifications: { on_failure: ['ana@example.com'] },
    access_control_list: [{ group_name: 'users', permission_level: 'CAN_VIEW' }],
    health: { rules: [{ metric: 'RUN_DURATION_SECONDS', op: 'GREATER_THAN', value: 60 }] },
    tasks: [
      { task_key: 'a', existing_cluster_id: 'c', spark_python_task: HELLO, max_retries: 1 },
      {
        task_key: 'b',
        condition_task: { op: 'EQUAL_TO', left: '1', right: '1' },
        depends_on: [{ task_key: 'a' }],
      },
    ],
  };
  expect(await run(write('everything.json', JSON.stringify(body)))).toMatchObject({ phase: 'SUCCEEDED' });
  const { run_name: _, ...rest } = body;
  expect(JSON.parse((await counters()).submitBodies.at(-1) ?? '')).toMatchObject(rest);
});

test('a field that comes near a known one is sent as it is, and said so', async () => {
  const tasks = [{ task_key: 'a', existing_cluster_id: 'c', spark_python_task: HELLO, max_retrys: 1 }];
  const file = write('typo.json', JSON.stringify({ tasks, schedule: {} }));
  const { code, stdout, stderr } = await runCli(['submit', file, '-o', 'json'], { env: engine.env });
  expect(code).toBe(0);
  expect(() => JSON.parse(stdout) as unknown).not.toThrow();
  expect(stderr).toContain('Note: spec.schedule is a setting of saved jobs: a submitted run ignores it.');
  expect(stderr).toMatch(/Note: spec\.tasks\[0\]\.max_retrys is not known .* Did you mean max_retries\?/);
});

test('a run-now body, its job id of 64 bits to the last digit', async () => {
  const { jobId } = await saveJob('saved');
  expect(BigInt(jobId) > BigInt(Number.MAX_SAFE_INTEGER)).toBe(true);
  const done = await run(write('run-now.json', `{ "job_id": ${jobId} }`));
  expect(done).toMatchObject({ phase: 'SUCCEEDED', logs: ['hello'] });
  expect((await counters()).submitBodies.at(-1)).toMatch(new RegExp(`"job_id": ?"?${jobId}"?[,}]`));
});

test.each([
  'template-v1-databricksv2-new-cluster.json',
  'template-v1-databricksv2-serverless-key.json',
  'template-v1-databricksv2-notebook-serverless-git.json',
  'template-v1-databricks-deprecated.json',
  'template-v2-databricks-new-cluster.json',
])('the Flyte template %s runs in the simulated workspace', async (name) => {
  const done = await run(join(__dirname, '../fixtures/flyte', name), '--workspace', 'simulated');
  expect(done).toMatchObject({
    phase: 'SUCCEEDED',
    taskType: expect.stringMatching(/^(databricks|spark) v0$/),
  });
});

test('a Flyte template keeps to its own host, which is foreign here', async () => {
  const file = join(__dirname, '../fixtures/flyte/template-v1-databricksv2-new-cluster.json');
  const before = await counters();
  expect(await runCliJson(['run', file], { env: engine.env })).toMatchObject({
    code: 6,
    document: { error: { code: 'CONFIG', message: expect.stringContaining('dbx.example.invalid') } },
  });
  expect(await counters()).toEqual(before);
});

describe('the same id', () => {
  const sameId = (file: string, ...args: string[]): ReturnType<typeof runCliJson> =>
    runCliJson(['run', file, '--id', 'same', ...args], { env: engine.env });

  test('names one task: another spec, a second start, --attach and --again each get their answer', async () => {
    const file = createJobFile('hello', 'hello.py');
    const first = await sameId(file);
    expect(first.code).toBe(0);
    const before = await counters();
    expect(await sameId(createJobFile('fail', 'fail.py'))).toMatchObject({
      code: 11,
      document: { error: { code: 'TOKEN_CONFLICT', advice: expect.any(String) } },
    });
    expect(await sameId(file)).toMatchObject({
      code: 12,
      document: {
        error: {
          code: 'ALREADY_ENDED',
          message: expect.stringMatching(/^Task same ended SUCCEEDED at .*; nothing was started/),
          advice: expect.stringMatching(/--attach .*--again/),
        },
      },
    });
    const attached = await sameId(file, '--attach');
    expect(attached).toMatchObject({
      code: 0,
      document: { runId: (first.document as { runId: string }).runId },
    });
    expect(await counters()).toMatchObject({ submits: before.submits, runsCreated: before.runsCreated });
    expect((await sameId(file, '--again')).code).toBe(0);
    expect((await counters()).runsCreated).toBe(before.runsCreated + 1);
  });
});

test('a failed job: the first cause on top, then what to do, then its output; exit code 22', async () => {
  const { code, stdout } = await runCli(['run', createJobFile('fail', 'fail.py')], { env: engine.env });
  expect(code).toBe(22);
  expect(stdout).toMatch(
    /^\nFAILED after .* \(JOB_FAILED\): fail-.*\n.*column price is missing[^]*\n\nWhat now: [^]*\n\nOutput\n {2}reading orders\.csv\n[^]*\n\nReceipt\n/,
  );
});

test('logs come page by page, and every command gives one JSON document', async () => {
  const json = (...args: string[]): ReturnType<typeof runCliJson> => runCliJson(args, { env: engine.env });
  expect(await json('logs', 'first', '--page', 'start', '--limit', '1')).toMatchObject({
    code: 0,
    document: { lines: ['hello'] },
  });
  expect(await json('logs', 'first', '--page', 'zzz')).toMatchObject({
    code: 2,
    document: {
      error: { message: expect.stringMatching(/^--page: must be start or a token/), field: '--page' },
    },
  });
  expect(await json('metrics', 'first')).toMatchObject({
    code: 0,
    document: [{ name: 'job', phase: 'SUCCEEDED' }],
  });
  expect(await json('list', '--phase', 'succeeded', '--limit', '1')).toMatchObject({
    document: [{ phase: 'SUCCEEDED' }],
  });
  expect(await json('list', '--project', "it's")).toEqual({ code: 0, document: [] });
  expect(await json('nudge', 'first')).toMatchObject({
    code: 12,
    document: { error: { code: 'ALREADY_ENDED' } },
  });
  expect(await json('cancel', 'first')).toMatchObject({
    code: 0,
    document: { requested: false, state: 'COMPLETED' },
  });
  expect(await json('get', 'nobody')).toMatchObject({ code: 10, document: { error: { code: 'NOT_FOUND' } } });
  expect(await json('connectors')).toMatchObject({
    code: 0,
    document: [{ name: 'Databricks Connector' }, { name: 'Airflow Connector' }],
  });
  expect(await json('completion', 'zsh')).toMatchObject({ code: 0, document: { shell: 'zsh' } });
  expect(await json('version')).toMatchObject({ code: 0, document: { longhaul: expect.any(String) } });
});
