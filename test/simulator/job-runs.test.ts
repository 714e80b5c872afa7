import {
  closeSimulators,
  ended,
  get,
  getRun,
  notebook,
  post,
  simulate,
  submit,
  type Json,
} from './workspace-client';

afterEach(closeSimulators);

async function create(url: string, settings: unknown): Promise<string> {
  return (await post(url, 'create', settings)).body.job_id;
}

function runNow(url: string, jobId: string, more: Record<string, unknown> = {}) {
  return post(url, 'run-now', { job_id: jobId, ...more });
}

function keysOf({ tasks }: Json): string[] {
  return tasks.map((task) => (task as unknown as { task_key: string }).task_key);
}

async function resolvedOf(url: string, runId: string): Promise<unknown[]> {
  await ended(url, runId);
  const { body } = await get(url, 'runs/get', { run_id: runId, include_resolved_values: 'true' });
  return body.tasks.map((task) => (task as unknown as { resolved_values?: unknown }).resolved_values);
}

describe('run-now', () => {
  const chain = ['a', 'b', 'c'].map((key, index, keys) =>
    notebook(key, index === 0 ? {} : { depends_on: [{ task_key: keys[index - 1] }] }),
  );

  test.each([
    [['b'], ['b']],
    [['+b'], ['a', 'b']],
    [['b+'], ['b', 'c']],
    [['+b+'], ['a', 'b', 'c']],
    [
      ['a', 'c'],
      ['a', 'c'],
    ],
  ])('only %j runs %j', async (only, keys) => {
    const { url } = await simulate({ speed: 100 });
    const { body } = await runNow(url, await create(url, { tasks: chain }), { only });
    const run = await ended(url, body.run_id);
    expect(keysOf(run)).toEqual(keys);
    expect(run.state.result_state).toBe('SUCCESS');
  });

  test('overrides replace lists and are laid over maps; job parameters are handed down above all', async () => {
    const { url } = await simulate({ speed: 100 });
    const jobId = await create(url, {
      name: 'nightly',
      parameters: [{ name: 'day', default: 'mon' }],
      tasks: [
        {
          task_key: 'n',
          notebook_task: { notebook_path: '/n', base_parameters: { a: '1', b: '{{job.name}}', day: 'own' } },
        },
        { task_key: 'p', spark_python_task: { python_file: '/Workspace/p.py', parameters: ['x'] } },
        {
          task_key: 'j',
          spark_jar_task: { main_class_name: 'J', parameters: ['{{task.name}}', '{{who.knows}}'] },
        },
      ],
    });
    const { body } = await runNow(url, jobId, {
      notebook_params: { a: '2' },
      python_params: ['y', 'z'],
      jar_params: [],
    });
    expect(await resolvedOf(url, body.run_id)).toEqual([
      { notebook_task: { base_parameters: { a: '2', b: 'nightly', day: 'mon' } } },
      { spark_python_task: { parameters: ['y', 'z'] } },
      { spark_jar_task: { parameters: ['j', '{{who.knows}}'] } },
    ]);
    expect(await getRun(url, body.run_id)).toMatchObject({
      overriding_parameters: { notebook_params: { a: '2' }, python_params: ['y', 'z'] },
    });
  });

  test.each([
    [{ notebook_params: { a: '1' }, jar_params: ['1'] }, /cannot be specified together/],
    [{ notebook_params: { a: 'x'.repeat(10_000) } }, /exceeds 10000 bytes/],
    [{ python_params: ['é'] }, /ASCII/],
    [{ dbt_commands: ['rm -rf'] }, /starts with dbt/],
    [{ only: ['nobody'] }, /unknown task/],
  ])('refuses %j', async (more, message) => {
    const { url } = await simulate();
    const reply = await runNow(url, await create(url, { tasks: [notebook('a')] }), more);
    expect(reply).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } });
    expect(reply.body.message).toMatch(message);
  });
});

describe('job settings', () => {
  test.each([
    [{ parameters: [{ name: 'a b' }] }],
    [{ parameters: [{ name: 'a' }, { name: 'a' }] }],
    [{ max_concurrent_runs: 1001 }],
    [{ name: 'n'.repeat(4097) }],
    [{ environments: Array.from({ length: 11 }, (_, index) => ({ environment_key: `e${index}` })) }],
  ])('refuse %.60j', async (more) => {
    const { url } = await simulate();
    expect((await post(url, 'create', { tasks: [notebook('a')], ...more })).status).toBe(400);
  });

  test('a reset without settings, and the removal of a nested field, are refused', async () => {
    const { url } = await simulate();
    const jobId = await create(url, { tasks: [notebook('a')] });
    expect((await post(url, 'reset', { job_id: jobId })).status).toBe(400);
    const removal = { job_id: jobId, fields_to_remove: ['queue/enabled'] };
    expect((await post(url, 'update', removal)).status).toBe(400);
  });
});

describe('repair', () => {
  test('goes by the job as it is defined now, and shows earlier attempts as they ran', async () => {
    const simulator = await simulate({ speed: 100 });
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'a', attempt: 0 }, outcome: { result: 'FAILED' } });
    const jobId = await create(url, {
      name: 'mended',
      tasks: [notebook('a'), notebook('b', { depends_on: [{ task_key: 'a' }] })],
    });
    const runId = (await runNow(url, jobId)).body.run_id;
    await ended(url, runId);
    const mended = { task_key: 'a', notebook_task: { notebook_path: '/mended' } };
    await post(url, 'update', { job_id: jobId, new_settings: { tasks: [mended] } });
    await post(url, 'runs/repair', { run_id: runId, rerun_tasks: ['a'], rerun_dependent_tasks: true });
    const run = await ended(url, runId);
    expect(run.state.result_state).toBe('SUCCESS');
    const paths = run.tasks.map(
      (task) => (task as unknown as { notebook_task: { notebook_path: string } }).notebook_task.notebook_path,
    );
    expect(paths).toEqual(['/a', '/b', '/mended', '/b']);
  });

  test('takes job parameters, and starts the retries of a task anew', async () => {
    const simulator = await simulate({ speed: 100 });
    const { url } = simulator;
    for (const attempt of [0, 1, 2]) {
      simulator.setOutcome({ match: { taskKey: 'a', attempt }, outcome: { result: 'FAILED' } });
    }
    const parameters = [{ name: 'day', default: 'mon' }];
    const jobId = await create(url, { parameters, tasks: [notebook('a', { max_retries: 1 })] });
    const runId = (await runNow(url, jobId)).body.run_id;
    await ended(url, runId);
    await post(url, 'runs/repair', {
      run_id: runId,
      rerun_all_failed_tasks: true,
      job_parameters: { day: 'tue' },
    });
    const run = await ended(url, runId);
    expect(run.tasks.map((task) => task.state.result_state)).toEqual([
      'FAILED',
      'FAILED',
      'FAILED',
      'SUCCESS',
    ]);
    expect(run).toMatchObject({ job_parameters: [{ name: 'day', default: 'mon', value: 'tue' }] });
  });

  test.each([
    [{ rerun_tasks: ['a'], rerun_all_failed_tasks: true }],
    [{}],
    [{ rerun_tasks: ['nobody'] }],
    [{ rerun_tasks: ['a'], latest_repair_id: '7' }],
  ])('refuses %j and leaves the run as it was', async (more) => {
    const { url } = await simulate({ speed: 100 });
    const runId = await submit(url, { tasks: [notebook('a')] });
    const before = await ended(url, runId);
    expect((await post(url, 'runs/repair', { run_id: runId, ...more })).status).toBe(400);
    expect(await getRun(url, runId)).toEqual(before);
  });
});
