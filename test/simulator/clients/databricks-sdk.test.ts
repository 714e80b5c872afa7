import { join } from 'node:path';

import { openPythonVenv } from '../../support/python-venv';
import type { Simulator, SimulatorOptions } from '../../../src/simulator';
import { closeSimulators, simulate, TOKEN } from '../workspace-client';
import { runScenario } from './scenarios';

const SCENARIOS = join(__dirname, 'databricks_sdk_scenarios.py');
const VENV_LIMIT_MS = 300_000;
const SPEED = 100;
const SUCCEEDED = { life_cycle: 'TERMINATED', result: 'SUCCESS', status: 'TERMINATED', code: 'SUCCESS' };

let python = '';

beforeAll(async () => {
  python = await openPythonVenv(join(__dirname, 'requirements-databricks-sdk.txt'));
}, VENV_LIMIT_MS);

afterEach(closeSimulators);

/** What a scenario saw with a workspace that runs fast; by a personal access token unless `auth` says otherwise. */
async function see(
  scenario: string,
  simulator: Simulator,
  auth: Readonly<Record<string, string>> = { DATABRICKS_TOKEN: TOKEN },
): Promise<Record<string, unknown>> {
  const env = { DATABRICKS_HOST: simulator.url, ...auth };
  return (await runScenario({ python, script: SCENARIOS, scenario, env })) as Record<string, unknown>;
}

function fast(options: SimulatorOptions = {}): Promise<Simulator> {
  return simulate({ speed: SPEED, ...options });
}

describe('databricks-sdk for Python', () => {
  test('submit_and_wait gives the run, get_run_output the output of its task but not of the run', async () => {
    const simulator = await fast();
    simulator.setOutcome({ match: { taskKey: 'a' }, outcome: { notebookResult: 'forty-two' } });
    expect(await see('submit_and_wait', simulator)).toMatchObject({
      ...SUCCEEDED,
      result_text: 'forty-two',
      refused: { type: 'InvalidParameterValue' },
    });
  });

  test('a waiter raises when a task fails', async () => {
    const simulator = await fast();
    simulator.setOutcome({ match: { runName: 'failing' }, outcome: { result: 'FAILED' } });
    expect((await see('failed_task', simulator))['raised']).toMatch(/INTERNAL_ERROR.*Task a failed/);
  });

  test('run_now runs a job with parameters, in part, and once per token', async () => {
    expect(await see('run_now', await fast())).toEqual({
      ...SUCCEEDED,
      parameters: [{ name: 'day', default: 'mon', value: 'tue' }],
      resolved: { on: 'tue by second', day: 'tue' },
      only: ['second'],
      same_run: true,
      in_job: true,
    });
  });

  test('two repairs, the second naming the first; the history tells how each went', async () => {
    const simulator = await fast();
    const fails = { result: 'FAILED' };
    simulator.setOutcome({ match: { taskKey: 'b', attempt: 0 }, outcome: fails });
    simulator.setOutcome({ match: { taskKey: 'c', attempt: 0 }, outcome: fails });
    simulator.setOutcome({ match: { taskKey: 'c', attempt: 1 }, outcome: fails });
    expect(await see('repair', simulator)).toMatchObject({
      ...SUCCEEDED,
      refused: { message: 'The latest repair ID needs to be provided in order to create a new repair' },
      twice: { type: 'InvalidParameterValue' },
      types: ['ORIGINAL', 'REPAIR', 'REPAIR'],
      results: ['FAILED', 'FAILED', 'SUCCESS'],
      task_runs: [3, 2, 1],
      ids: true,
      ended_in_order: true,
      attempts: [
        ['a', 0],
        ['b', 0],
        ['c', 0],
        ['b', 1],
        ['c', 1],
        ['c', 2],
      ],
    });
  });

  test('jobs and runs are listed page by page, newest first, and back again', async () => {
    expect(await see('paging', await fast({ speed: 1 }))).toEqual({
      jobs: true,
      by_name: true,
      runs: true,
      back: true,
      submitted_only: 0,
    });
  });

  test('a run is canceled whole, or by its task run', async () => {
    const simulator = await fast();
    simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 86_400_000 } });
    const canceled = { life_cycle: 'TERMINATED', result: 'CANCELED', code: 'USER_CANCELED' };
    expect(await see('cancel', simulator)).toMatchObject({ run: canceled, by_task: canceled, flag: true });
  });

  test('250 tasks and 120 parameters come page by page and are put together', async () => {
    expect(await see('many_tasks', await fast())).toEqual({
      ...SUCCEEDED,
      keys: 250,
      tasks: 250,
      run_parameters: 120,
      job: [250, 120],
      listed: [250],
    });
  });

  test('the iterations of a for-each task come page by page, with their statistics', async () => {
    const simulator = await fast();
    simulator.setOutcome({
      match: { taskKey: 'each', iteration: 7 },
      outcome: { result: 'FAILED', error: 'odd' },
    });
    expect(await see('for_each', simulator)).toEqual({
      iterations: 130,
      keys: ['each'],
      last: { who: 'n129' },
      tasks: ['loop'],
      stats: {
        total_iterations: 130,
        scheduled_iterations: 130,
        completed_iterations: 130,
        succeeded_iterations: 129,
        failed_iterations: 1,
        active_iterations: 0,
      },
      errors: [{ count: 1, error_message: 'odd', termination_category: 'RUN_EXECUTION_ERROR' }],
      result: 'FAILED',
    });
  });

  test('a run-job task starts a real run of the other job', async () => {
    expect(await see('run_job', await fast())).toEqual({
      ...SUCCEEDED,
      child_job: true,
      trigger: 'RUN_JOB_TASK',
      trigger_run: true,
      value: '2',
    });
  });

  test('update merges tasks by key and removes what is named, reset replaces all', async () => {
    expect(await see('job_changes', await fast())).toMatchObject({
      updated: [
        'changed',
        [
          ['b', 3],
          ['c', null],
        ],
        null,
      ],
      clusters: 0,
      reset: ['reset', ['only']],
      gone: { type: 'ResourceDoesNotExist' },
    });
  });

  test('permissions are set, added to and read', async () => {
    expect(await see('permissions', await fast())).toEqual({
      object: true,
      levels: ['IS_OWNER', 'CAN_VIEW', 'CAN_MANAGE_RUN'],
      offered: 4,
    });
  });

  test('a missing run or job is ResourceDoesNotExist', async () => {
    expect(await see('missing', await fast())).toMatchObject({
      run: { type: 'ResourceDoesNotExist', message: 'Run 1 does not exist' },
      job: { type: 'ResourceDoesNotExist', message: 'Job 1 does not exist' },
      is_missing: true,
    });
  });

  test('a 429 is waited out as long as Retry-After says, and one run is started', async () => {
    const simulator = await fast();
    simulator.addFault({ operation: 'submit', kind: 'status', status: 429, retryAfter: 2 });
    const { waited } = await see('throttled', simulator);
    expect(waited).toBeGreaterThanOrEqual(2);
    expect(simulator.counters()).toMatchObject({ submits: 2, runsCreated: 1 });
  });

  test('an OAuth client finds the token endpoint by itself and runs', async () => {
    const client = { id: 'client-1', secret: 's3cret' };
    const simulator = await fast({ tokens: [], clients: [client], tokenLifetimeSeconds: 3600 * SPEED });
    const auth = { DATABRICKS_CLIENT_ID: client.id, DATABRICKS_CLIENT_SECRET: client.secret };
    expect(await see('who', simulator, auth)).toMatchObject({ auth: 'oauth-m2m', versions: 1, ...SUCCEEDED });
    expect(simulator.counters().tokenRequests).toBe(1);
  });

  test('run ids beyond 2^53 come through to the last digit', async () => {
    const simulator = await fast({ firstId: '9223372036854770001' });
    const { run_id: runId } = await see('submit_and_wait', simulator);
    expect(runId).toMatch(/^922337203685477000\d$/);
    expect(simulator.deleteRun(String(runId))).toBe(true);
  });

  test('a notebook run is exported, and gone once it is deleted', async () => {
    expect(await see('export', await fast())).toMatchObject({
      views: [['a', 'NOTEBOOK', true]],
      deleted: { type: 'ResourceDoesNotExist' },
    });
  });
});
