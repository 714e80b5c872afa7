import { ERROR_TABLE, isJsonObject, type JsonObject } from '../../src/connector';
import { TOKEN } from '../durability/support/workspace-bench';
import { installQuietRuntime } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import { openFlyteBench, type FlyteBench, type ServiceProcess } from './support/flyte-bench';
import { openFlytePython, valueOf, type FlytePython } from './support/flyte-python';

/** Flyte's own stubs drive the service from create to end; the service runs in a process of its own. */
let python: FlytePython;
let bench: FlyteBench;
let service: ServiceProcess;

beforeAll(async () => {
  installQuietRuntime();
  python = await openFlytePython();
  bench = await openFlyteBench(python, {
    simulator: { tokens: [TOKEN, 'token-of-the-task', 'renewed-token'] },
  });
  [service] = await Promise.all([bench.spawnService(), bench.startWorkers()]);
}, 240_000);
afterAll(async () => {
  await bench.close();
  await python.close();
});
beforeEach(() => bench.simulator.clearOutcomes());

const LONG = { runMs: 3_600_000 };
const named = (runName: string, more: JsonObject = {}): { databricksConf: JsonObject } => ({
  databricksConf: { run_name: runName, ...more },
});

describe.each([
  ['v1', 'v1-databricks-deprecated', 'spark'],
  ['v1', 'v1-databricksv2-new-cluster', 'databricks'],
  ['v1', 'v1-databricksv2-serverless-inline', 'databricks'],
  ['v2', 'v2-databricks-new-cluster', 'databricks'],
] as const)('%s, %s', (version, template, taskType) => {
  test('is created, shows its links from the first RUNNING on, and succeeds without outputs of its own', async () => {
    const api = service.flyte[version];
    const job = valueOf(await api.create(bench.task(template)));
    const { phases, looks, last, failures } = await api.follow({ ...job, taskType });
    expect(failures).toEqual([]);
    expect(phases.at(-1)).toBe('SUCCEEDED');
    expect(phases).not.toContain('UNDEFINED');
    expect(last).not.toHaveProperty('outputs');
    for (const look of looks.filter(({ phase }) => phase === 'RUNNING')) {
      expect(look.logLinks.map(({ name }) => name)).toEqual([
        'Databricks Console',
        'Longhaul task (Temporal)',
      ]);
    }
    expect(last.customInfo).toMatchObject({ result_state: 'SUCCESS', attempts: [{ posts: 1 }] });
  });

  test('that fails is FAILED with the cause in words', async () => {
    bench.simulator.setOutcome({
      match: { runName: 'fails' },
      outcome: { result: 'FAILED', error: 'no such table' },
    });
    const api = service.flyte[version];
    const job = valueOf(await api.create(bench.task(template, named('fails'))));
    const { last } = await api.follow({ ...job, taskType });
    expect(last).toMatchObject({
      phase: 'FAILED',
      message: expect.stringMatching(/^JOB_FAILED: [^]*no such table/),
    });
  });

  test('that is deleted is stopped at the workspace; a second delete is fine', async () => {
    bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: LONG });
    const api = service.flyte[version];
    const job = { ...valueOf(await api.create(bench.task(template, named('long')))), taskType };
    await api.follow(job, { until: ({ phase }) => phase === 'RUNNING' });
    expect(await api.delete(job)).toMatchObject({ ok: true });
    expect(await api.delete(job)).toMatchObject({ ok: true });
    const { last } = await api.follow(job);
    expect(last).toMatchObject({ phase: 'FAILED', message: expect.stringContaining('canceled by Flyte') });
    expect(bench.simulator.counters().activeRuns).toBe(0);
    expect(await api.delete(job)).toMatchObject({ ok: true });
  });
});

test('what the platform did is worth another attempt, what the user did is not', async () => {
  bench.simulator.setOutcome({
    match: { runName: 'lost' },
    outcome: {
      states: [
        {
          lifeCycleState: 'TERMINATED',
          resultState: 'FAILED',
          terminationType: 'CLOUD_FAILURE',
          terminationCode: 'CLOUD_FAILURE',
        },
      ],
    },
  });
  const { v1 } = service.flyte;
  const job = valueOf(await v1.create(bench.task('v1-databricksv2-new-cluster', named('lost'))));
  const { last } = await v1.follow(job);
  expect(last.phase).toBe('RETRYABLE_FAILED');
});

test('ten equal CreateTasks at once, and one more after the end, are one task and one run', async () => {
  const { v1 } = service.flyte;
  const before = bench.simulator.counters().runsCreated;
  const task = bench.task('v1-databricksv2-new-cluster', { execution: { name: 'repeated' } });
  const replies = await Promise.all(Array.from({ length: 10 }, () => v1.create(task)));
  const metas = new Set(replies.map((reply) => valueOf(reply).resourceMeta));
  expect(metas.size).toBe(1);
  const job = valueOf(await v1.create(task));
  await v1.follow(job);
  const again = valueOf(await v1.create(task));
  expect(metas.has(again.resourceMeta)).toBe(true);
  expect((await v1.follow(again)).phases).toEqual(['SUCCEEDED']);
  expect(bench.simulator.counters().runsCreated).toBe(before + 1);
});

test('after three CreateTasks whose replies were lost one run is active: that of the last attempt', async () => {
  bench.simulator.setOutcome({ match: { runName: 'attempts' }, outcome: LONG });
  const { v1 } = service.flyte;
  const jobs = [];
  for (const attempt of [0, 1, 2]) {
    const task = bench.task('v1-databricksv2-new-cluster', named('attempts'));
    jobs.push(valueOf(await v1.create({ ...task, execution: { name: 'lost-replies', attempt } })));
  }
  const [first, second, third] = jobs;
  if (first === undefined || second === undefined || third === undefined) throw new Error('no jobs');
  await v1.follow(third, { until: ({ phase }) => phase === 'RUNNING' });
  expect(bench.simulator.counters().activeRuns).toBe(1);
  for (const job of [first, second]) {
    const { last } = await v1.follow(job);
    expect(last).toMatchObject({ phase: 'FAILED', message: expect.stringContaining('has begun') });
  }
  await v1.delete(third);
  await v1.follow(third);
  expect(bench.simulator.counters().activeRuns).toBe(0);
});

test('a late CreateTask of an attempt that was passed over starts nothing', async () => {
  const { v1 } = service.flyte;
  const task = bench.task('v1-databricksv2-new-cluster');
  const create = async (attempt: number): ReturnType<typeof v1.create> =>
    v1.create({ ...task, execution: { name: 'late', attempt } });
  await v1.follow(valueOf(await create(1)));
  const before = bench.simulator.counters().runsCreated;
  const { last } = await v1.follow(valueOf(await create(0)));
  expect(last).toMatchObject({
    phase: 'FAILED',
    message: expect.stringContaining('attempt 1 of the same task'),
  });
  expect(bench.simulator.counters().runsCreated).toBe(before);
});

test('a workspace that is not configured is accepted and reported FAILED; no credentials went there', async () => {
  const { v1 } = service.flyte;
  const foreign = { databricksInstance: 'foreign.example.invalid' };
  const job = valueOf(await v1.create({ template: 'v1-databricksv2-new-cluster', custom: foreign }));
  const { last } = await v1.follow(job);
  expect(last).toMatchObject({
    phase: 'FAILED',
    message: expect.stringMatching(
      /^CONFIG: The Databricks host foreign\.example\.invalid is not configured/,
    ),
  });
});

describe('what is refused at the door, with nothing started', () => {
  const refusals = [
    { what: 'an unknown type', template: { type: 'snowflake', custom: {} }, reason: 'UNKNOWN_TASK_TYPE' },
    { what: 'a Kubernetes Spark task', template: 'v1-spark-k8s', reason: 'INVALID_TASK' },
    { what: 'no type', template: { custom: {} }, reason: 'INVALID_TASK' },
    { what: 'a secret that is not allowed', template: secretTemplate(), reason: 'PERMISSION_DENIED' },
    { what: 'more than 1 MiB', template: largeTemplate(), reason: 'PAYLOAD_TOO_LARGE' },
  ] as const;

  test.each(refusals)('$what', async ({ what, template, reason }) => {
    const name = what.replaceAll(' ', '-');
    const reply = await service.flyte.v1.create({ template, execution: { name, taskName: 'refused' } });
    const code = ERROR_TABLE[reason].grpcStatus;
    expect(reply).toMatchObject({ ok: false, code, errorInfo: { reason, domain: 'longhaul' } });
    expect(JSON.stringify(reply)).not.toMatch(/\bat .*\.ts:|node_modules/);
    const id = `flyte:test::flytesnacks:development:${name}:n0:refused:0`;
    await expect(bench.tasks.look(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('the id by which nothing was found is the one that a task would have', async () => {
    const execution = { name: 'taken', taskName: 'refused' };
    const job = valueOf(
      await service.flyte.v1.create(bench.task('v1-databricksv2-new-cluster', { execution })),
    );
    await service.flyte.v1.follow(job);
    const id = 'flyte:test::flytesnacks:development:taken:n0:refused:0';
    expect((await bench.tasks.look(id)).phase).toBe('SUCCEEDED');
  });
});

function secretTemplate(): JsonObject {
  const databricksConf = { existing_cluster_id: 'c', libraries: [{ jar: { $secret: 'env:HOME' } }] };
  return { type: 'databricks', custom: { databricksConf }, container: { image: 'i', args: ['a'] } };
}

function largeTemplate(): JsonObject {
  const databricksConf = { existing_cluster_id: 'c' };
  return {
    type: 'databricks',
    custom: { databricksConf },
    container: { image: 'i', args: ['x'.repeat(1_100_000)] },
  };
}

test('a meta that names nothing is an error of the caller for Get, and fine for Delete', async () => {
  const { v1 } = service.flyte;
  const resourceMeta = (text: string): string => Buffer.from(text).toString('base64');
  const garbage = { resourceMeta: resourceMeta('garbage') };
  const unknown = { resourceMeta: resourceMeta('{"longhaul":1,"task":"flyte:test:nowhere"}') };
  expect(await v1.get(garbage)).toMatchObject({
    code: 'INVALID_ARGUMENT',
    errorInfo: { reason: 'INVALID_TASK' },
  });
  expect(await v1.get(unknown)).toMatchObject({ code: 'NOT_FOUND', errorInfo: { reason: 'NOT_FOUND' } });
  for (const job of [garbage, unknown]) expect(await v1.delete(job)).toMatchObject({ ok: true });
});

test('a workflow terminated from outside is FAILED, saying so', async () => {
  bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: LONG });
  const { v1 } = service.flyte;
  const job = valueOf(await v1.create(bench.task('v1-databricksv2-new-cluster', named('long'))));
  const running = await v1.follow(job, { until: ({ phase }) => phase === 'RUNNING' });
  await bench.handle(taskOf(running.last.customInfo)).terminate('by hand');
  const { last } = await v1.follow(job);
  expect(last).toMatchObject({
    phase: 'FAILED',
    message: expect.stringContaining('terminated from outside'),
  });
});

function taskOf(customInfo: unknown): string {
  return isJsonObject(customInfo) && typeof customInfo['task'] === 'string' ? customInfo['task'] : '';
}

test('logs and metrics of a job are read over the wire, of an ended one too', async () => {
  bench.simulator.setOutcome({ match: { runName: 'talks' }, outcome: { logs: 'one\ntwo\nthree' } });
  const { v1, v2 } = service.flyte;
  const job = valueOf(await v1.create(bench.task('v1-databricksv2-new-cluster', named('talks'))));
  await v1.follow(job);
  expect(JSON.stringify(valueOf(await v1.logs(job)).results)).toContain('three');
  expect(JSON.stringify(valueOf(await v1.metrics(job)))).toContain('EXECUTION_METRIC_EXECUTION_SECONDS');
  expect(JSON.stringify(valueOf(await v2.logs(job)).lines)).toContain('three');
});

test('a run that flytekit’s own service started is followed to its end, and never started again', async () => {
  const before = bench.simulator.counters().runsCreated;
  const { v1 } = service.flyte;
  const runId = await submitForeign('migrated');
  const meta = {
    databricks_instance: bench.instance,
    run_id: runId,
    auth_token: 'dapi-leaked',
    auth_type: 'pat',
  };
  const job = { resourceMeta: Buffer.from(JSON.stringify(meta)).toString('base64') };
  const { last, failures } = await v1.follow(job);
  expect(failures).toEqual([]);
  expect(last).toMatchObject({ phase: 'SUCCEEDED', customInfo: { externalId: runId } });
  expect(bench.simulator.counters().runsCreated).toBe(before + 1);
});

test('a run that flytekit’s own service started is stopped by a DeleteTask, also when nobody asked about it yet', async () => {
  bench.simulator.setOutcome({ match: { runName: 'to-be-stopped' }, outcome: LONG });
  const { v1 } = service.flyte;
  const runId = await submitForeign('to-be-stopped');
  const resourceMeta = Buffer.from(JSON.stringify({ databricks_instance: bench.instance, run_id: runId }));
  expect(await v1.delete({ resourceMeta: resourceMeta.toString('base64') })).toMatchObject({ ok: true });
  await waitUntil('the run to be stopped', () => bench.simulator.counters().activeRuns === 0 || undefined);
});

async function submitForeign(name: string): Promise<string> {
  const response = await fetch(`${bench.simulator.url}/api/2.1/jobs/runs/submit`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({
      run_name: name,
      tasks: [{ task_key: 'main', notebook_task: { notebook_path: '/main' } }],
    }),
  });
  return /"run_id":\s*"?(\d+)/.exec(await response.text())?.[1] ?? '';
}

describe('Flyte 2 secrets', () => {
  const task = (
    secrets: Record<string, string>,
    name: string,
  ): Parameters<ServiceProcess['flyte']['v2']['create']>[0] => ({
    ...bench.task('v2-databricks-new-cluster', named(name)),
    secrets,
  });

  test('the task’s own token is used for its run, and stands nowhere in clear', async () => {
    const { v2 } = service.flyte;
    const job = valueOf(await v2.create(task({ databricks_token: 'token-of-the-task' }, 'own-token')));
    const { last } = await v2.follow(job);
    expect(last.phase).toBe('SUCCEEDED');
    const id = taskOf(last.customInfo);
    const history = await bench.handle(id).fetchHistory();
    const stored = JSON.stringify(
      [history, await bench.handle(id).describe(), last],
      (_key, value: unknown) =>
        value instanceof Uint8Array
          ? Buffer.from(value).toString('utf8')
          : typeof value === 'bigint'
            ? String(value)
            : value,
    );
    expect(stored).toContain('sealed:k1:');
    expect(stored).not.toContain('token-of-the-task');
    expect(Buffer.from(job.resourceMeta, 'base64').toString()).not.toContain('token');
  });

  test('a token that stopped working in mid-run is replaced by the next GetTask’s, and the run goes on', async () => {
    bench.simulator.setOutcome({ match: { runName: 'rotated' }, outcome: { runMs: 12_000 } });
    const { v2 } = service.flyte;
    const job = valueOf(await v2.create(task({ databricks_token: 'token-of-the-task' }, 'rotated')));
    await v2.follow(job, { until: ({ phase }) => phase === 'RUNNING' });
    bench.simulator.revokeToken('token-of-the-task');
    const secrets = { databricks_token: 'renewed-token' };
    const { last, failures } = await v2.follow({ ...job, secrets }, { limitMs: 40_000 });
    expect(failures).toEqual([]);
    expect(last.phase).toBe('SUCCEEDED');
  });
});

test('the lists name each task type once; an unknown agent is NOT_FOUND', async () => {
  const { v1, v2 } = service.flyte;
  const types = valueOf(await v1.list()).flatMap(({ taskTypes }) => taskTypes);
  expect([...types].sort()).toEqual(['databricks', 'spark']);
  const categories = valueOf(await v2.list()).flatMap((agent) => agent.categories.map(({ name }) => name));
  expect([...categories].sort()).toEqual(['databricks', 'spark']);
  expect(valueOf(await v1.describe('Databricks Connector')).name).toBe('Databricks Connector');
  expect(await v1.describe('nobody')).toMatchObject({ code: 'NOT_FOUND' });
  expect(await v2.describe('nobody')).toMatchObject({ code: 'NOT_FOUND' });
});
