import {
  closeSimulators,
  ended,
  get,
  getRun,
  inLifeCycle,
  notebook,
  post,
  runWhere,
  simulate,
  submit,
  type Json,
  type Reply,
} from './workspace-client';

afterEach(closeSimulators);

describe('what naive simulators get wrong', () => {
  test('every run and task shows both state and status', async () => {
    const { url } = await simulate();
    const run = await ended(url, await submit(url, { tasks: [notebook('a')] }));
    expect(run.state).toMatchObject({
      life_cycle_state: 'TERMINATED',
      result_state: 'SUCCESS',
      state_message: '',
    });
    expect(run.status).toEqual({
      state: 'TERMINATED',
      termination_details: { code: 'SUCCESS', type: 'SUCCESS', message: '' },
    });
    expect(run.tasks[0]).toMatchObject({
      task_key: 'a',
      attempt_number: 0,
      state: run.state,
      status: run.status,
    });
  });

  test('the last page has no next_page_token at all', async () => {
    const { url } = await simulate();
    await submit(url, { tasks: [notebook('a')] });
    const { body } = await get(url, 'runs/list', { page_token: '' });
    expect(body.has_more).toBe(false);
    expect(body).not.toHaveProperty('next_page_token');
  });

  test('parameters of a GET may come in a JSON body', async () => {
    const { url } = await simulate();
    const runId = await submit(url, { tasks: [notebook('a')] });
    expect((await getRun({ url, bodyOnGet: true }, runId)).run_id).toBe(runId);
  });

  test('numbers and booleans may come as strings, unknown fields are let through', async () => {
    const { url } = await simulate({ speed: 1 });
    const body = {
      tasks: [notebook('a', { max_retries: '1', who_knows: {} })],
      timeout_seconds: '60',
      extra: 1,
    };
    const runId = await submit(url, body);
    const listed = await get(url, 'runs/list', { active_only: 'True', limit: '5', expand_tasks: 'true' });
    expect(listed.body.runs[0]?.tasks[0]?.who_knows).toEqual({});
    expect((await post(url, 'runs/cancel', { run_id: runId })).status).toBe(200);
  });

  test.each(['2.0', '2.1', '2.2'])(
    'API %s takes a legacy body with its task at the top level',
    async (version) => {
      const { url } = await simulate();
      const body = {
        run_name: 'a name / with spaces',
        spark_jar_task: { main_class_name: 'x' },
        new_cluster: { num_workers: 1 },
      };
      const run = await getRun({ url, version }, await submit({ url, version }, body));
      expect(run.tasks).toHaveLength(1);
      expect(run.tasks[0]).toMatchObject({
        task_key: 'a name / with spaces',
        new_cluster: { num_workers: 1 },
      });
    },
  );

  test('a missing run or job is 400 INVALID_PARAMETER_VALUE', async () => {
    const { url } = await simulate();
    const run = await get(url, 'runs/get', { run_id: '1' });
    expect(run).toMatchObject({
      status: 400,
      body: { error_code: 'INVALID_PARAMETER_VALUE', message: 'Run 1 does not exist' },
    });
    expect((await get(url, 'get', { job_id: '1' })).body.message).toBe('Job 1 does not exist');
  });

  test('the output of a job run is refused from 2.1 on, that of its task run is given', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'a' }, outcome: { notebookResult: 'forty-two' } });
    const runId = await submit(url, { tasks: [notebook('a')] });
    const run = await ended(url, runId);
    const refused = await get({ url, version: '2.1' }, 'runs/get-output', { run_id: runId });
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } });
    const output = await get(url, 'runs/get-output', { run_id: run.tasks[0]?.run_id });
    expect(output.body.notebook_output).toEqual({ result: 'forty-two', truncated: false });
    expect((await get({ url, version: '2.0' }, 'runs/get-output', { run_id: runId })).status).toBe(200);
  });

  test.each([
    ['internal_error', 'INTERNAL_ERROR'],
    ['terminated', 'TERMINATED'],
  ] as const)('with %s a failed task makes the job run %s/FAILED', async (jobFailureShape, lifeCycle) => {
    const simulator = await simulate({ jobFailureShape });
    const { url } = simulator;
    simulator.setOutcome({ match: { runName: 'nightly' }, outcome: { result: 'FAILED', runMs: 0 } });
    const run = await ended(url, await submit(url, { run_name: 'nightly [lh:123]', tasks: [notebook('a')] }));
    expect(run.tasks[0]?.state).toMatchObject({ life_cycle_state: 'TERMINATED', result_state: 'FAILED' });
    expect(run.state).toMatchObject({ life_cycle_state: lifeCycle, result_state: 'FAILED' });
    expect(run.status.termination_details).toMatchObject({
      code: 'RUN_EXECUTION_ERROR',
      type: 'CLIENT_ERROR',
    });
  });

  test('each attempt of a task is an entry of its own', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'a', attempt: 0 }, outcome: { result: 'FAILED' } });
    const task = notebook('a', { max_retries: 2, min_retry_interval_millis: 20_000 });
    const runId = await submit(url, { tasks: [task] });
    const waiting = await runWhere(
      url,
      runId,
      (run) => run.tasks[1]?.state.life_cycle_state === 'WAITING_FOR_RETRY',
    );
    expect(waiting.tasks[1]?.status.state).toBe('WAITING');
    const { tasks, state } = await ended(url, runId);
    expect(tasks.map((one) => one.attempt_number)).toEqual([0, 1]);
    expect(tasks[1]?.original_attempt_run_id).toBe(tasks[0]?.run_id);
    expect(Number(tasks[1]?.start_time) - Number(tasks[0]?.start_time)).toBeGreaterThanOrEqual(20_000);
    expect(state.result_state).toBe('SUCCESS');
  });

  test('every success answers a JSON object', async () => {
    const { url } = await simulate();
    const runId = await submit(url, { tasks: [notebook('a')] });
    expect((await post(url, 'runs/cancel', { run_id: runId })).text).toBe('{}');
    await ended(url, runId);
    expect((await post(url, 'runs/delete', { run_id: runId })).text).toBe('{}');
  });
});

describe('identity', () => {
  test('run ids are beyond 2^53 and bare integers on the wire', async () => {
    const { url } = await simulate();
    const { text } = await post(url, 'runs/submit', { tasks: [notebook('a')] });
    expect(text).toMatch(/^\{"run_id":90071992547409\d\d\}$/);
  });

  test('one idempotency token starts one run, active or finished, and counts its POSTs', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    const body = { idempotency_token: 'lh-1', tasks: [notebook('a')] };
    const [first, second] = await Promise.all([submit(url, body), submit(url, body)]);
    await ended(url, first);
    expect(await submit(url, { ...body, run_name: 'another body' })).toBe(first);
    expect(second).toBe(first);
    expect(simulator.counters()).toMatchObject({
      runsCreated: 1,
      submits: 3,
      tokens: { 'lh-1': { posts: 3, runId: first } },
    });
  });

  test('the token of a deleted run is refused, never used anew', async () => {
    const simulator = await simulate();
    const body = { idempotency_token: 't', tasks: [notebook('a')] };
    const runId = await submit(simulator.url, body);
    expect(simulator.deleteRun(runId)).toBe(true);
    expect((await post(simulator.url, 'runs/submit', body)).status).toBe(400);
    expect(simulator.counters().runsCreated).toBe(1);
  });

  test('the digits of a submit body are kept as they came', async () => {
    const simulator = await simulate();
    await submit(simulator.url, { tasks: [notebook('a', { max_retries: 3 })] });
    expect(simulator.counters().lastSubmitBody).toContain('"max_retries":3');
  });
});

describe('large runs and lists', () => {
  test('2.2 pages tasks by 100, older versions refuse them', async () => {
    const { url } = await simulate();
    const tasks = Array.from({ length: 250 }, (_, index) => notebook(`t${index}`));
    expect((await post({ url, version: '2.1' }, 'runs/submit', { tasks })).body.message).toMatch(
      /Your resource has 250 tasks/,
    );
    const runId = await submit(url, { tasks });
    expect((await get({ url, version: '2.1' }, 'runs/get', { run_id: runId })).status).toBe(400);
    const sizes: number[] = [];
    for (let token: string | undefined = ''; token !== undefined;) {
      const { body }: Reply = await get(url, 'runs/get', {
        run_id: runId,
        page_token: token,
      });
      sizes.push(body.tasks.length);
      token = body.next_page_token;
    }
    expect(sizes).toEqual([100, 100, 50]);
  });

  test('runs are listed newest first, page after page, active ones apart', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
    const ids: string[] = [];
    for (const name of ['short', 'long', 'long']) {
      ids.unshift(await submit(url, { run_name: name, tasks: [notebook('a')] }));
    }
    await ended(url, ids[2] ?? '');
    const first = (await get(url, 'runs/list', { limit: '2' })).body;
    const rest = (await get(url, 'runs/list', { limit: '2', page_token: first.next_page_token })).body;
    const idsOf = ({ runs }: Json) => runs.map((run) => run.run_id);
    expect([...idsOf(first), ...idsOf(rest)]).toEqual(ids);
    expect(rest).not.toHaveProperty('next_page_token');
    expect(idsOf((await get(url, 'runs/list', { active_only: 'true' })).body)).toEqual(ids.slice(0, 2));
    expect(idsOf((await get(url, 'runs/list', { completed_only: 'true' })).body)).toEqual(ids.slice(2));
  });
});

describe('saved jobs', () => {
  test('a job is created, listed, run and deleted', async () => {
    const { url } = await simulate();
    const { job_id: jobId } = (await post(url, 'create', { name: 'Nightly', tasks: [notebook('a')] })).body;
    expect((await get(url, 'list', { name: 'nightly' })).body.jobs).toMatchObject([{ job_id: jobId }]);
    expect((await get(url, 'get', { job_id: jobId })).body.settings.tasks).toHaveLength(1);
    const { run_id: runId, number_in_job: number } = (
      await post(url, 'run-now', { job_id: jobId, idempotency_token: 'n' })
    ).body;
    expect(number).toBe(runId);
    expect(await ended(url, runId)).toMatchObject({
      job_id: jobId,
      run_type: 'JOB_RUN',
      run_name: 'Nightly',
    });
    expect((await post(url, 'delete', { job_id: jobId })).text).toBe('{}');
    expect((await get(url, 'list', {})).body).not.toHaveProperty('jobs');
  });

  test('above max_concurrent_runs 2.2 queues, 2.1 skips', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { runName: 'slow' }, outcome: { runMs: 3_600_000 } });
    for (const [version, lifeCycle] of [
      ['2.2', 'QUEUED'],
      ['2.1', 'SKIPPED'],
    ] as const) {
      const { job_id: job } = (
        await post({ url, version }, 'create', { name: 'slow', tasks: [notebook('a')] })
      ).body;
      const start = async () => (await post({ url, version }, 'run-now', { job_id: job })).body.run_id;
      const [first, second] = [await start(), await start()];
      const run = await getRun(url, second);
      expect(run.state.life_cycle_state).toBe(lifeCycle);
      await post(url, 'runs/cancel', { run_id: first });
      if (lifeCycle === 'QUEUED') {
        expect(run.status.queue_details?.code).toBe('MAX_CONCURRENT_RUNS_REACHED');
        await inLifeCycle(url, second, 'RUNNING');
      }
    }
  });
});

describe('how runs go', () => {
  test('a run passes PENDING, RUNNING, TERMINATING and ends with its durations', async () => {
    const { url } = await simulate({ speed: 5, timing: { terminatingMs: 2000 } });
    const runId = await submit(url, { tasks: [notebook('a')] });
    for (const lifeCycle of ['PENDING', 'RUNNING', 'TERMINATING']) await inLifeCycle(url, runId, lifeCycle);
    const run = await ended(url, runId);
    expect(run).toMatchObject({
      setup_duration: 1000,
      execution_duration: 2000,
      cleanup_duration: 2000,
      run_duration: 7000,
    });
    expect(run.end_time - run.start_time).toBe(7000);
  });

  test('dependants wait, and are skipped after a failure', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'a' }, outcome: { result: 'FAILED' } });
    const onA = { depends_on: [{ task_key: 'a' }] };
    const tasks = [
      notebook('a'),
      notebook('b', onA),
      notebook('c', { ...onA, run_if: 'AT_LEAST_ONE_FAILED' }),
    ];
    const runId = await submit(url, { tasks });
    expect((await getRun(url, runId)).tasks[1]?.state.life_cycle_state).toBe('BLOCKED');
    const run = await ended(url, runId);
    const results = run.tasks.map((task) => task.state.result_state);
    expect(results).toEqual(['FAILED', 'UPSTREAM_FAILED', 'SUCCESS']);
    expect(run.tasks[1]?.status.termination_details?.code).toBe('SKIPPED');
    expect(run.state.result_state).toBe('FAILED');
  });

  test('a condition task decides which branch runs', async () => {
    const { url } = await simulate();
    const condition = { task_key: 'if', condition_task: { op: 'EQUAL_TO', left: '12.0', right: '12' } };
    const branch = (key: string, outcome: string) =>
      notebook(key, { depends_on: [{ task_key: 'if', outcome }] });
    const run = await ended(
      url,
      await submit(url, { tasks: [condition, branch('yes', 'true'), branch('no', 'false')] }),
    );
    expect(run.tasks[0]?.condition_task.outcome).toBe('false');
    expect(run.tasks[1]?.state.result_state).toBe('EXCLUDED');
    expect(run.tasks[2]?.state.result_state).toBe('SUCCESS');
  });

  test('cancel is taken note of at once and takes effect later', async () => {
    const simulator = await simulate({ timing: { cancelDelayMs: 20_000, terminatingMs: 10_000 } });
    const { url } = simulator;
    simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
    const runId = await submit(url, { tasks: [notebook('a')] });
    await inLifeCycle(url, runId, 'RUNNING');
    await post(url, 'runs/cancel', { run_id: runId });
    expect((await getRun(url, runId)).state.life_cycle_state).toBe('RUNNING');
    await inLifeCycle(url, runId, 'TERMINATING');
    const run = await ended(url, runId);
    expect(run.state).toMatchObject({ result_state: 'CANCELED', user_cancelled_or_timedout: true });
    expect(run.status.termination_details).toMatchObject({ code: 'USER_CANCELED', type: 'SUCCESS' });
    expect(simulator.counters().cancels[runId]).toHaveLength(1);
  });

  test('timeout_seconds of run and task end as TIMEDOUT', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
    const ofRun = await submit(url, { timeout_seconds: 5, tasks: [notebook('a')] });
    const ofTask = await submit(url, { tasks: [notebook('a', { timeout_seconds: 5 })] });
    for (const runId of [ofRun, ofTask]) {
      expect((await ended(url, runId)).state.result_state).toBe('TIMEDOUT');
    }
  });

  test('a script may show states nobody knows', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    const states = [
      { lifeCycleState: 'DREAMING', statusState: 'ASLEEP', forMs: 2000 },
      { resultState: null, lifeCycleState: 'TERMINATED' },
    ];
    simulator.setOutcome({ match: { runName: 'odd' }, outcome: { states } });
    const runId = await submit(url, { run_name: 'odd', tasks: [notebook('a')] });
    expect(await getRun(url, runId)).toMatchObject({
      state: { life_cycle_state: 'DREAMING' },
      status: { state: 'ASLEEP' },
    });
    const run = await inLifeCycle(url, runId, 'TERMINATED');
    expect(run.state).not.toHaveProperty('result_state');
  });

  test('a repair runs what failed again inside the same run', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'b', attempt: 0 }, outcome: { result: 'FAILED' } });
    const tasks = [notebook('a'), notebook('b'), notebook('c', { depends_on: [{ task_key: 'b' }] })];
    const runId = await submit(url, { tasks });
    expect((await post(url, 'runs/repair', { run_id: runId, rerun_all_failed_tasks: true })).status).toBe(
      400,
    );
    await ended(url, runId);
    const repair = await post(url, 'runs/repair', { run_id: runId, rerun_all_failed_tasks: true });
    expect(repair.status).toBe(200);
    const run = await ended(url, runId);
    expect(run.state.result_state).toBe('SUCCESS');
    expect(run.tasks).toHaveLength(5);
    const { body } = await get(url, 'runs/get', { run_id: runId, include_history: 'true' });
    expect(body.repair_history).toMatchObject([
      { type: 'ORIGINAL' },
      { type: 'REPAIR', id: repair.body.repair_id },
    ]);
  });
});
