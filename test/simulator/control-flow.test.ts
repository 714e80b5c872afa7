import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Simulator } from '../../src/simulator';
import { waitUntil } from '../support/wait-until';
import {
  closeSimulators,
  ended,
  get,
  getRun,
  inLifeCycle,
  notebook,
  post,
  simulate,
  submit,
  type Json,
} from './workspace-client';

afterEach(closeSimulators);

interface Iteration {
  readonly run_id: string;
  readonly start_time: number;
  readonly end_time: number;
  readonly attempt_number: number;
  readonly state: { readonly result_state?: string; readonly life_cycle_state: string };
}

function forEach(inputs: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const { nested = {}, ...rest } = more as { nested?: Record<string, unknown> };
  return { task_key: 'loop', for_each_task: { inputs, task: notebook('each', nested), ...rest } };
}

async function iterationsOf(url: string, run: Json): Promise<readonly Iteration[]> {
  const { body } = await get(url, 'runs/get', { run_id: run.tasks[0]?.run_id });
  return (body as unknown as { readonly iterations?: readonly Iteration[] }).iterations ?? [];
}

async function create(url: string, settings: unknown): Promise<string> {
  const { body, status, text } = await post(url, 'create', settings);
  if (status !== 200) throw new Error(text);
  return body.job_id;
}

async function runNow(url: string, jobId: string, more: Record<string, unknown> = {}): Promise<string> {
  const { body, status, text } = await post(url, 'run-now', { job_id: jobId, ...more });
  if (status !== 200) throw new Error(text);
  return body.run_id;
}

describe('for-each tasks', () => {
  test('run so many iterations at a time as concurrency allows, each of its own length', async () => {
    const { url } = await simulate();
    const run = await ended(url, await submit(url, { tasks: [forEach('[1,2,3,4,5]', { concurrency: 2 })] }));
    const iterations = await iterationsOf(url, run);
    expect(iterations).toHaveLength(5);
    for (const one of iterations) {
      const others = iterations.filter(
        ({ start_time, end_time }) => start_time <= one.start_time && end_time > one.start_time,
      );
      expect(others.length).toBeLessThanOrEqual(2);
    }
    const [first, second, third] = iterations;
    expect(second?.start_time).toBe(first?.start_time);
    expect(third?.start_time).toBe(first?.end_time);
  });

  test('an iteration is retried by itself, and a failed one does not stop the rest', async () => {
    const simulator = await simulate({ speed: 100 });
    const { url } = simulator;
    const fails = { result: 'FAILED' };
    simulator.setOutcome({ match: { taskKey: 'each', iteration: 0 }, outcome: fails });
    simulator.setOutcome({ match: { taskKey: 'each', iteration: 1, attempt: 0 }, outcome: fails });
    const loop = forEach('["a","b","c"]', { nested: { max_retries: 1 } });
    const run = await ended(url, await submit(url, { tasks: [loop] }));
    const results = (await iterationsOf(url, run)).map(
      ({ state, attempt_number: n }) => `${n}:${state.result_state ?? ''}`,
    );
    expect(results).toEqual(['0:FAILED', '1:FAILED', '0:FAILED', '1:SUCCESS', '0:SUCCESS']);
    expect(run.tasks[0]).toMatchObject({
      state: { result_state: 'FAILED' },
      for_each_task: {
        stats: { task_run_stats: { total_iterations: 3, succeeded_iterations: 2, failed_iterations: 1 } },
      },
    });
  });

  test('take their inputs from job parameters and from values of earlier tasks', async () => {
    const simulator = await simulate({ speed: 100 });
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'list' }, outcome: { taskValues: { names: ['x', 'y'] } } });
    const loop = { ...forEach('{{tasks.list.values.names}}'), depends_on: [{ task_key: 'list' }] };
    const jobId = await create(url, {
      parameters: [{ name: 'days', default: '[1,2,3]' }],
      tasks: [forEach('{{job.parameters.days}}'), notebook('list'), { ...loop, task_key: 'second' }],
    });
    const run = await ended(url, await runNow(url, jobId));
    const totals = run.tasks.map((task) => /"total_iterations":(\d)/.exec(JSON.stringify(task))?.[1]);
    expect(totals).toEqual(['3', undefined, '2']);
  });

  test('fail at once when their inputs are no array', async () => {
    const { url } = await simulate({ speed: 100 });
    const run = await ended(url, await submit(url, { tasks: [forEach('{"a":1}')] }));
    expect(run.tasks[0]?.status.termination_details?.code).toBe('INVALID_RUN_CONFIGURATION');
  });

  test('a cancel stops the iterations that run and starts no others', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'each' }, outcome: { runMs: 3_600_000 } });
    const runId = await submit(url, { tasks: [forEach('[1,2,3]', { concurrency: 2 })] });
    await inLifeCycle(url, runId, 'RUNNING');
    await post(url, 'runs/cancel', { run_id: runId });
    const run = await ended(url, runId);
    expect(run.state.result_state).toBe('CANCELED');
    const results = (await iterationsOf(url, run)).map(({ state }) => state.result_state);
    expect(results).toEqual(['CANCELED', 'CANCELED']);
  });

  test('cannot be nested', async () => {
    const { url } = await simulate();
    const nested = { task_key: 'outer', for_each_task: { inputs: '[1]', task: forEach('[1]') } };
    expect((await post(url, 'runs/submit', { tasks: [nested] })).status).toBe(400);
  });
});

describe('run-job tasks', () => {
  const call = (jobId: string) => ({ task_key: 'call', run_job_task: { job_id: jobId } });
  const childOf = async (url: string, runId: string): Promise<string> =>
    waitUntil('the child run', async () => {
      const taskRun = (await getRun(url, runId)).tasks[0]?.run_id;
      const { body } = await get(url, 'runs/get-output', { run_id: taskRun });
      return (body as unknown as { run_job_output?: { run_id: string } }).run_job_output?.run_id;
    });

  test('end as the run they started', async () => {
    const simulator = await simulate({ speed: 100 });
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'inner' }, outcome: { result: 'FAILED' } });
    const runId = await submit(url, { tasks: [call(await create(url, { tasks: [notebook('inner')] }))] });
    const run = await ended(url, runId);
    expect(run.tasks[0]?.state).toMatchObject({ life_cycle_state: 'TERMINATED', result_state: 'FAILED' });
    expect((await getRun(url, await childOf(url, runId))).state.result_state).toBe('FAILED');
  });

  test('a cancel reaches the run they started', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'inner' }, outcome: { runMs: 3_600_000 } });
    const runId = await submit(url, { tasks: [call(await create(url, { tasks: [notebook('inner')] }))] });
    const child = await childOf(url, runId);
    await post(url, 'runs/cancel', { run_id: runId });
    expect((await ended(url, runId)).state.result_state).toBe('CANCELED');
    expect((await getRun(url, child)).state.result_state).toBe('CANCELED');
  });

  test('of a job that does not exist, or that calls itself without end, fail', async () => {
    const { url } = await simulate({ speed: 100 });
    const missing = await ended(url, await submit(url, { tasks: [call('1')] }));
    expect(missing.tasks[0]?.status.termination_details?.code).toBe('RESOURCE_NOT_FOUND');
    const jobId = await create(url, { max_concurrent_runs: 9, tasks: [notebook('x')] });
    await post(url, 'reset', {
      job_id: jobId,
      new_settings: { max_concurrent_runs: 9, tasks: [call(jobId)] },
    });
    expect((await ended(url, await runNow(url, jobId))).state.result_state).toBe('FAILED');
    expect((await get(url, 'runs/list', { job_id: jobId })).body.runs).toHaveLength(4);
  });
});

test('loops and child runs go on after a restart with the same state file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-control-flow-'));
  const options = { stateFile: join(folder, 'state.json') };
  const first = await simulate(options);
  first.setOutcome({ match: { runName: 'child' }, outcome: { runMs: 60_000 } });
  const jobId = await create(first.url, { name: 'child', tasks: [notebook('inner')] });
  const call = { task_key: 'call', run_job_task: { job_id: jobId } };
  const runId = await submit(first.url, { tasks: [forEach('[9007199254740993,2]'), call] });
  await inLifeCycle(first.url, runId, 'RUNNING');
  await first.close();
  const { url } = await simulate(options);
  const run = await ended(url, runId);
  expect(run.tasks.map((task) => task.state.result_state)).toEqual(['SUCCESS', 'SUCCESS']);
  expect(await iterationsOf(url, run)).toHaveLength(2);
  expect((await get(url, 'runs/list', { job_id: jobId })).body.runs).toHaveLength(1);
  await closeSimulators();
  rmSync(folder, { recursive: true, force: true });
});

describe('condition tasks', () => {
  test.each([
    ['12.0', 'EQUAL_TO', '12', 'false'],
    ['12.0', 'NOT_EQUAL', '12', 'true'],
    ['10', 'GREATER_THAN', '9', 'true'],
    ['12.0', 'GREATER_THAN_OR_EQUAL', '12', 'true'],
    ['10', 'LESS_THAN', '9', 'false'],
    ['{{job.parameters.n}}', 'LESS_THAN_OR_EQUAL', '12', 'true'],
  ])('%s %s %s is %s', async (...[left, op, right, outcome]) => {
    const { url } = await simulate({ speed: 100 });
    const task = { task_key: 'if', condition_task: { op, left, right } };
    const jobId = await create(url, { parameters: [{ name: 'n', default: '3' }], tasks: [task] });
    expect((await ended(url, await runNow(url, jobId))).tasks[0]?.condition_task.outcome).toBe(outcome);
  });

  test('fail when an order is asked of what is no number', async () => {
    const { url } = await simulate({ speed: 100 });
    const task = { task_key: 'if', condition_task: { op: 'LESS_THAN', left: 'one', right: '2' } };
    const run = await ended(url, await submit(url, { tasks: [task] }));
    expect(run.tasks[0]?.state.result_state).toBe('FAILED');
  });
});

describe('waiting for a slot', () => {
  const LONG = { match: { runName: 'slow' }, outcome: { runMs: 3_600_000 } };
  const slow = { name: 'slow', tasks: [notebook('a')] };
  const lifeCycle = async (simulator: Simulator, runId: string) =>
    (await getRun(simulator.url, runId)).state.life_cycle_state;

  test('max_concurrent_runs 0 skips every run, queue or not', async () => {
    const { url } = await simulate();
    const jobId = await create(url, { ...slow, max_concurrent_runs: 0 });
    const run = await ended(url, await runNow(url, jobId));
    expect(run.state).toMatchObject({
      life_cycle_state: 'SKIPPED',
      result_state: 'MAXIMUM_CONCURRENT_RUNS_REACHED',
    });
    expect(run.status.termination_details?.code).toBe('MAX_CONCURRENT_RUNS_EXCEEDED');
  });

  test('more room in the settings, or a run that is gone, lets queued runs start in order', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome(LONG);
    const jobId = await create(url, slow);
    const runs = [await runNow(url, jobId), await runNow(url, jobId), await runNow(url, jobId)] as const;
    await inLifeCycle(url, runs[0], 'RUNNING');
    await post(url, 'update', { job_id: jobId, new_settings: { max_concurrent_runs: 2 } });
    await inLifeCycle(url, runs[1], 'RUNNING');
    expect(await lifeCycle(simulator, runs[2])).toBe('QUEUED');
    simulator.deleteRun(runs[0]);
    await inLifeCycle(url, runs[2], 'RUNNING');
  });

  test('a queued run starts at the moment the run before it ended, whenever that is noticed', async () => {
    const simulator = await simulate({ speed: 1 });
    const { url } = simulator;
    const jobId = await create(url, { tasks: [notebook('a')] });
    const [first, second] = [await runNow(url, jobId), await runNow(url, jobId)];
    simulator.advanceClock(3_600_000);
    const [one, other] = [await ended(url, first), await ended(url, second)];
    expect(other).toMatchObject({
      queue_duration: one.end_time - other.start_time,
      state: { result_state: 'SUCCESS' },
    });
    expect(other.tasks[0]?.start_time).toBe(one.end_time);
  });

  test('above the active runs of the workspace runs are queued, or refused with queueing off', async () => {
    const simulator = await simulate({ maxActiveRuns: 1 });
    const { url } = simulator;
    simulator.setOutcome(LONG);
    const body = { run_name: 'slow', tasks: [notebook('a')] };
    const first = await submit(url, body);
    const queued = await getRun(url, await submit(url, body));
    expect(queued.status).toMatchObject({
      state: 'QUEUED',
      queue_details: { code: 'ACTIVE_RUNS_LIMIT_REACHED' },
    });
    const refused = await post(url, 'runs/submit', { ...body, queue: { enabled: false } });
    expect(refused).toMatchObject({ status: 429, body: { error_code: 'REQUEST_LIMIT_EXCEEDED' } });
    await post(url, 'runs/cancel', { run_id: first });
    await inLifeCycle(url, queued.run_id, 'RUNNING');
  });

  test('cancel-all takes queued runs of the workspace, or all of a job', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome(LONG);
    const jobId = await create(url, slow);
    const [active, queued] = [await runNow(url, jobId), await runNow(url, jobId)];
    await post(url, 'runs/cancel-all', { all_queued_runs: true });
    expect((await ended(url, queued)).state.result_state).toBe('CANCELED');
    await inLifeCycle(url, active, 'RUNNING');
    await post(url, 'runs/cancel-all', { job_id: jobId });
    expect((await ended(url, active)).state.result_state).toBe('CANCELED');
  });

  test('quotas of saved jobs and of jobs in an hour are refused as Databricks does', async () => {
    const simulator = await simulate({ maxSavedJobs: 1, jobsPerHour: 2, speed: 1 });
    const { url } = simulator;
    await create(url, slow);
    expect(await post(url, 'create', slow)).toMatchObject({
      status: 400,
      body: { error_code: 'QUOTA_EXCEEDED' },
    });
    const body = { tasks: [notebook('a')], idempotency_token: 'once' };
    const runId = await submit(url, body);
    const beyond = await post(url, 'runs/submit', { tasks: [notebook('a')] });
    expect(beyond).toMatchObject({ status: 400, body: { error_code: 'INVALID_STATE' } });
    expect(await submit(url, body)).toBe(runId);
    simulator.advanceClock(3_600_000);
    await submit(url, { tasks: [notebook('a')] });
  });

  test('a changed time-out of the job is that of its active runs', async () => {
    const simulator = await simulate();
    const { url } = simulator;
    simulator.setOutcome(LONG);
    const jobId = await create(url, slow);
    const runId = await runNow(url, jobId);
    await inLifeCycle(url, runId, 'RUNNING');
    await post(url, 'update', { job_id: jobId, new_settings: { timeout_seconds: 5 } });
    expect((await ended(url, runId)).state.result_state).toBe('TIMEDOUT');
  });
});
