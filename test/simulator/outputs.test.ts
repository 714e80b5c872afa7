import type { Simulator } from '../../src/simulator';
import { closeSimulators, ended, get, notebook, simulate, submit } from './workspace-client';

afterEach(closeSimulators);

async function outputOf(simulator: Simulator, task: Record<string, unknown>): Promise<unknown> {
  const { url } = simulator;
  const run = await ended(url, await submit(url, { tasks: [{ task_key: 'a', ...task }] }));
  return (await get(url, 'runs/get-output', { run_id: run.tasks[0]?.run_id })).body;
}

const SQL = { warehouse_id: 'w' };

describe('get-output', () => {
  test.each([
    [
      'a query',
      { sql_task: { ...SQL, query: { query_id: 'q' } } },
      { sql_output: { query_output: { warehouse_id: 'w' } } },
    ],
    [
      'an alert',
      { sql_task: { ...SQL, alert: { alert_id: 'x' } } },
      { sql_output: { alert_output: { alert_state: 'OK' } } },
    ],
    [
      'a dashboard',
      { sql_task: { ...SQL, dashboard: {} } },
      { sql_output: { dashboard_output: { widgets: [] } } },
    ],
    [
      'dbt',
      { dbt_task: { commands: ['dbt run'] } },
      { dbt_output: { artifacts_link: expect.stringContaining('http') as string, artifacts_headers: {} } },
    ],
    [
      'a notebook without exit',
      { notebook_task: { notebook_path: '/n' } },
      { notebook_output: { truncated: false } },
    ],
  ])('of %s has the fields of its kind', async (_, task, fields) => {
    expect(await outputOf(await simulate({ speed: 100 }), task)).toMatchObject(fields);
  });

  test('may be scripted field by field, for every kind of task', async () => {
    const simulator = await simulate({ speed: 100 });
    const output = { dbt_output: { artifacts_link: 'https://elsewhere.example/x' }, info: 'as told' };
    simulator.setOutcome({ match: { taskKey: 'a' }, outcome: { output } });
    expect(await outputOf(simulator, { dbt_task: { commands: ['dbt run'] } })).toMatchObject(output);
  });

  test('gives the first 5 MB of a notebook’s value and the last 5 MB of a log', async () => {
    const simulator = await simulate({ speed: 100 });
    const long = `<${'x'.repeat(6 * 1024 * 1024)}>`;
    simulator.setOutcome({ match: {}, outcome: { notebookResult: long, logs: long } });
    const limit = 5 * 1024 * 1024;
    const ofNotebook = (await outputOf(simulator, { notebook_task: { notebook_path: '/n' } })) as {
      notebook_output: { result: string; truncated: boolean };
    };
    expect(ofNotebook.notebook_output.truncated).toBe(true);
    expect(ofNotebook.notebook_output.result).toBe(long.slice(0, limit));
    const ofJar = (await outputOf(simulator, { spark_jar_task: { main_class_name: 'J' } })) as {
      logs: string;
      logs_truncated: boolean;
    };
    expect(ofJar.logs_truncated).toBe(true);
    expect(ofJar.logs).toBe(long.slice(-limit));
  });

  test('of a task that never ran says why there is none', async () => {
    const simulator = await simulate({ speed: 100 });
    const { url } = simulator;
    simulator.setOutcome({ match: { taskKey: 'a' }, outcome: { result: 'FAILED' } });
    const tasks = [notebook('a'), notebook('b', { depends_on: [{ task_key: 'a' }] })];
    const run = await ended(url, await submit(url, { tasks }));
    const { body } = await get(url, 'runs/get-output', { run_id: run.tasks[1]?.run_id });
    expect(body.error).toBe('An upstream task failed.');
  });
});

describe('export', () => {
  test('gives a notebook’s page with what went in and came out, as text', async () => {
    const simulator = await simulate({ speed: 100 });
    const { url } = simulator;
    simulator.setOutcome({ match: {}, outcome: { notebookResult: '<b>42</b>' } });
    const task = {
      task_key: 'a',
      notebook_task: { notebook_path: '/x/report', base_parameters: { day: 'mon' } },
    };
    const runId = await submit(url, { tasks: [task] });
    await ended(url, runId);
    const { body } = await get(url, 'runs/export', { run_id: runId, views_to_export: 'ALL' });
    const { views } = body as unknown as { views: { content: string }[] };
    expect(views).toMatchObject([{ name: 'report', type: 'NOTEBOOK' }]);
    expect(views[0]?.content).toContain('day = mon');
    expect(views[0]?.content).toContain('&#60;b&#62;42');
  });

  test('of several tasks, of what is no notebook, or of an unknown view is refused', async () => {
    const { url } = await simulate({ speed: 100 });
    const several = await submit(url, { tasks: [notebook('a'), notebook('b')] });
    const jar = await submit(url, { tasks: [{ task_key: 'a', spark_jar_task: { main_class_name: 'J' } }] });
    await ended(url, jar);
    for (const params of [{ run_id: several }, { run_id: jar }, { run_id: jar, views_to_export: 'ODD' }]) {
      expect((await get(url, 'runs/export', params)).status).toBe(400);
    }
  });
});
