import type { JsonObject, Observation } from '../../../src/connector';
import { callContext } from './support/calls';
import { connectorBench } from './support/connector-bench';
import { apiError, runOf, taskOf } from './support/fake-workspace';

const bench = connectorBench();
let runs: Record<string, JsonObject>;
let outputs: Record<string, JsonObject>;

beforeEach(() => {
  runs = {};
  outputs = {};
  const gone = apiError(400, 'INVALID_PARAMETER_VALUE', 'Run 0 does not exist');
  bench.fake.on('/runs/get', ({ query }) => ({
    ...(runs[query.get('run_id') ?? ''] ? { body: runs[query.get('run_id') ?? ''] } : gone),
  }));
  bench.fake.on('/runs/get-output', ({ query }) => ({ body: outputs[query.get('run_id') ?? ''] ?? {} }));
});

const FAILED = { state: { life_cycle_state: 'TERMINATED', result_state: 'FAILED' } };
const SKIPPED = { state: { life_cycle_state: 'TERMINATED', result_state: 'UPSTREAM_FAILED' } };

function failedRun(tasks: readonly JsonObject[]): JsonObject {
  return runOf('INTERNAL_ERROR', 'FAILED', { tasks });
}

function look(): Promise<Observation> {
  return bench.connector.get(bench.meta, callContext());
}

async function causes(): Promise<readonly JsonObject[]> {
  return ((await look()).resource.customInfo?.['causes'] ?? []) as readonly JsonObject[];
}

it('40 tasks with 3 failures give 3 causes, the first to fail first, before what was skipped for them', async () => {
  const tasks = Array.from({ length: 40 }, (_, index) => {
    if (index === 30) return taskOf('third', 31, { ...FAILED, end_time: 9_300 });
    if (index === 20) return taskOf('first', 21, { ...FAILED, end_time: 9_100 });
    if (index === 10) return taskOf('second', 11, { ...FAILED, end_time: 9_200 });
    return taskOf(`t${index}`, index + 1, index > 30 ? { ...SKIPPED, end_time: 9_000 } : {});
  });
  runs['4711'] = failedRun(tasks);
  outputs = { '21': { error: 'ValueError: bad row' }, '11': { error: 'second' }, '31': { error: 'third' } };
  const { resource } = await look();
  expect((await causes()).map(({ taskKey, error }) => [taskKey, error])).toEqual([
    ['first', 'ValueError: bad row'],
    ['second', 'second'],
    ['third', 'third'],
  ]);
  const [head, ...rest] = (resource.message ?? '').split('\n');
  expect(head).toBe('Task first failed: ValueError: bad row');
  expect(rest.slice(0, 2)).toEqual(['2 more tasks failed', '9 tasks were skipped because of that']);
  expect(resource.customInfo).toMatchObject({ tasks: 40, tasks_skipped: 9 });
});

it('of a task that was tried again the latest attempt counts', async () => {
  runs['4711'] = failedRun([
    taskOf('a', 1, FAILED),
    taskOf('a', 2, { ...FAILED, attempt_number: 1 }),
    taskOf('b', 3, FAILED),
    taskOf('b', 4, { attempt_number: 1 }),
  ]);
  outputs = { '1': { error: 'old' }, '2': { error: 'new' } };
  expect((await causes()).map(({ runId, error }) => [runId, error])).toEqual([['2', 'new']]);
});

it('the cause of a run-job task is that of the run it started, through several levels', async () => {
  runs['4711'] = failedRun([taskOf('outer', 1, { ...FAILED, run_job_task: {} })]);
  outputs['1'] = { run_job_output: { run_id: 50 }, error: 'the child failed' };
  runs['50'] = failedRun([taskOf('middle', 51, { ...FAILED, run_job_task: {} })]);
  outputs['51'] = { run_job_output: { run_id: 60 } };
  runs['60'] = failedRun([taskOf('inner', 61, FAILED)]);
  outputs['61'] = { error: 'KeyError: date', error_trace: 'trace' };
  expect(await causes()).toEqual([
    { taskKey: 'outer/middle/inner', runId: '61', error: 'KeyError: date', trace: 'trace' },
  ]);
});

it('a job that runs itself is looked into three levels deep', async () => {
  runs['4711'] = failedRun([taskOf('again', 1, { ...FAILED, run_job_task: {} })]);
  outputs['1'] = { run_job_output: { run_id: 4711 }, error: 'endless' };
  expect((await causes())[0]).toMatchObject({ taskKey: 'again/again/again/again', error: 'endless' });
});

it('the cause of a for-each task is that of the iteration that failed first', async () => {
  runs['4711'] = failedRun([taskOf('loop', 1, { ...FAILED, for_each_task: { inputs: '[1,2]' } })]);
  const iterations = [taskOf('each_0', 70), taskOf('each_1', 71, FAILED)];
  runs['1'] = { ...runOf('TERMINATED', 'FAILED'), iterations };
  outputs['71'] = { error: 'ZeroDivisionError' };
  expect((await causes())[0]).toMatchObject({
    taskKey: 'loop/each_1',
    runId: '71',
    error: 'ZeroDivisionError',
  });
});

it('a child that cannot be read leaves the words of the task that started it', async () => {
  runs['4711'] = failedRun([taskOf('outer', 1, { ...FAILED, run_job_task: {} })]);
  outputs['1'] = { run_job_output: { run_id: 50 }, error: 'the child failed' };
  expect((await causes())[0]).toMatchObject({ taskKey: 'outer', error: 'the child failed' });
});
