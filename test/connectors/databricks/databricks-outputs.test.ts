import type { JsonObject, JobOutputs } from '../../../src/connector';
import { callContext, rejection } from './support/calls';
import { connectorBench } from './support/connector-bench';
import { apiError, runOf, taskOf } from './support/fake-workspace';

const bench = connectorBench();

const LINK = 'https://storage.example.invalid/artifacts?sig=open-sesame';

const ANSWERS: Record<string, JsonObject> = {
  '1': { notebook_output: { result: '{"rows":42}', truncated: false } },
  '2': {
    sql_output: {
      query_output: {
        query_text: 'select 1',
        warehouse_id: 'w1',
        output_link: 'https://example.invalid/sql/1',
        sql_statements: [{ lookup_key: 'k1' }],
      },
    },
  },
  '3': { dbt_output: { artifacts_link: LINK, artifacts_headers: { 'x-key': 'v' } } },
  '4': { logs: 'one\ntwo\n', logs_truncated: false },
  '5': { run_job_output: { run_id: '9007199254740993' } },
  '6': { sql_output: { alert_output: { alert_state: 'TRIGGERED', warehouse_id: 'w1', output_link: 'l' } } },
  '7': {
    sql_output: {
      dashboard_output: {
        warehouse_id: 'w1',
        widgets: [{ widget_title: 't', status: 'SUCCESS', output_link: 'l' }],
      },
    },
  },
};

const EVERY_KIND = [
  taskOf('notebook', 1, { notebook_task: {} }),
  taskOf('query', 2, { sql_task: {} }),
  taskOf('dbt', 3, { dbt_task: {} }),
  taskOf('python', 4, { spark_python_task: {} }),
  taskOf('nested', 5, { run_job_task: {} }),
  taskOf('alert', 6, { sql_task: {} }),
  taskOf('dashboard', 7, { sql_task: {} }),
  taskOf('check', 8, { condition_task: { outcome: 'true' } }),
  taskOf('loop', 9, {
    for_each_task: {
      stats: { task_run_stats: { total_iterations: 3, succeeded_iterations: 3, failed_iterations: 0 } },
    },
  }),
];

function show(tasks: readonly JsonObject[], answers: Record<string, JsonObject> = ANSWERS): void {
  bench.fake.on('/runs/get', { body: runOf('TERMINATED', 'SUCCESS', { tasks }) });
  bench.fake.on('/runs/get-output', ({ query }) => {
    const answer = answers[query.get('run_id') ?? ''];
    return answer === undefined
      ? apiError(500, 'INTERNAL_ERROR', 'no', { 'retry-after': '60' })
      : { body: answer };
  });
}

async function kept(): Promise<JsonObject> {
  return (await bench.connector.get(bench.meta, callContext())).resource.outputs ?? {};
}

function fresh(task?: string): Promise<JobOutputs> {
  return bench.connector.getOutputs(bench.meta, task === undefined ? {} : { task }, callContext());
}

it('there is one output by task key, in the shape of its kind', async () => {
  show(EVERY_KIND);
  expect(await kept()).toEqual({
    notebook: { kind: 'notebook', value: '{"rows":42}', truncated: false },
    query: {
      ...{
        kind: 'sql',
        of: 'query',
        query: 'select 1',
        warehouseId: 'w1',
        statements: ['k1'],
        truncated: false,
      },
      link: 'https://example.invalid/sql/1',
    },
    dbt: { kind: 'dbt', expiresInMinutes: 30 },
    python: { kind: 'logs', tail: 'one\ntwo\n', truncated: false },
    nested: { kind: 'run', runId: '9007199254740993' },
    alert: {
      kind: 'sql',
      of: 'alert',
      link: 'l',
      warehouseId: 'w1',
      alertState: 'TRIGGERED',
      truncated: false,
    },
    dashboard: {
      ...{ kind: 'sql', of: 'dashboard', warehouseId: 'w1', truncated: false },
      widgets: [{ title: 't', status: 'SUCCESS', link: 'l' }],
    },
    check: { kind: 'condition', outcome: 'true' },
    loop: { kind: 'iterations', total: 3, succeeded: 3, failed: 0 },
  });
});

it('outputs stand in the order in which their tasks started; what was skipped has none', async () => {
  const skipped = { state: { life_cycle_state: 'TERMINATED', result_state: 'UPSTREAM_FAILED' } };
  show([taskOf('none', 0, { notebook_task: {}, ...skipped }), ...EVERY_KIND]);
  const keys = EVERY_KIND.map(({ task_key }) => task_key);
  expect(Object.keys(await kept())).toEqual(keys);
  expect(Object.keys(await fresh())).toEqual(keys);
});

it('a link that opens without a password is not kept; it is read afresh for one who asks', async () => {
  show(EVERY_KIND);
  expect(JSON.stringify(await bench.connector.get(bench.meta, callContext()))).not.toContain('open-sesame');
  expect(await fresh('dbt')).toEqual({
    dbt: { kind: 'dbt', artifactsLink: LINK, artifactsHeaders: { 'x-key': 'v' }, expiresInMinutes: 30 },
  });
});

it('a value that is too long to be kept is cut and says so; read afresh it is whole', async () => {
  const result = 'x'.repeat(100_000);
  show([EVERY_KIND[0] ?? {}], { '1': { notebook_output: { result, truncated: false } } });
  const { notebook } = (await kept()) as { notebook: { value: string; truncated: boolean } };
  expect(notebook.truncated).toBe(true);
  expect(notebook.value).toHaveLength(16_384);
  expect(await fresh('notebook')).toEqual({
    notebook: { kind: 'notebook', value: result, truncated: false },
  });
});

it('of what a program printed the last whole lines are kept', async () => {
  const logs = Array.from({ length: 1_000 }, (_, line) => `line ${line}\n`).join('');
  show([taskOf('python', 4, { spark_python_task: {} })], { '4': { logs } });
  const { python } = (await kept()) as { python: { tail: string; truncated: boolean } };
  expect(python.truncated).toBe(true);
  expect(python.tail).toMatch(/^line \d+\n[\s\S]*line 999\n$/);
});

it('what is kept of all tasks together has a limit, in requests and in characters', async () => {
  const tasks = Array.from({ length: 30 }, (_, index) =>
    taskOf(`n${index}`, index + 1, { notebook_task: {} }),
  );
  const answer = { notebook_output: { result: 'y'.repeat(20_000), truncated: false } };
  show(tasks, Object.fromEntries(tasks.map((_, index) => [String(index + 1), answer])));
  const { resource } = await bench.connector.get(bench.meta, callContext());
  expect(bench.fake.requestsTo('/runs/get-output')).toHaveLength(20);
  expect(JSON.stringify(resource.outputs).length).toBeLessThan(70_000);
  expect(resource.outputs?.['n19']).toEqual({ kind: 'notebook', value: '', truncated: true });
  expect(resource.customInfo).toMatchObject({ outputs_unread: 10 });
});

it('an output that cannot be read is left out and spoils nothing', async () => {
  show([taskOf('a', 1, { notebook_task: {} }), taskOf('b', 99, { notebook_task: {} })]);
  expect(Object.keys(await kept())).toEqual(['a']);
});

it('of a failed run the tasks that succeeded can be read afresh', async () => {
  const failed = { state: { life_cycle_state: 'TERMINATED', result_state: 'FAILED' } };
  show([taskOf('notebook', 1, { notebook_task: {} }), taskOf('b', 2, { notebook_task: {}, ...failed })]);
  expect(Object.keys(await fresh())).toEqual(['notebook']);
});

it('a task that the run has not is refused by name', async () => {
  show(EVERY_KIND);
  expect(await rejection(fresh('x'))).toMatchObject({ code: 'INVALID_TASK', field: 'task' });
});
