import { randomUUID } from 'node:crypto';

import { createDatabricksConnectors, loadWorkspaces } from '../../src/connectors/databricks';
import { parseTaskPolicy, type JsonObject } from '../../src/connector';
import { startSimulator, type Simulator } from '../../src/simulator';
import { installQuietRuntime, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';

const TOKEN = 'dapi-results-0123456789';

let bench: TaskBench;
let simulator: Simulator;
let closeConnector: () => Promise<void>;

beforeAll(async () => {
  installQuietRuntime();
  simulator = await startSimulator({ tokens: [TOKEN], speed: 5 });
  const workspaces = loadWorkspaces({
    env: {},
    readFile: () => undefined,
    extra: [{ name: 'simulated', host: simulator.url, auth: { kind: 'pat', token: TOKEN } }],
  });
  const queue = `results-${randomUUID()}`;
  const [connector] = createDatabricksConnectors({
    workspaces,
    taskQueues: { polls: queue, control: `${queue}:control` },
  });
  if (connector === undefined) throw new Error('no connector');
  closeConnector = () => connector.close();
  bench = await openTaskBench({ connectors: [connector] });
  await bench.startWorkers();
});

afterAll(async () => {
  await bench.close();
  await closeConnector();
  await simulator.close();
});

function notebook(key: string, after?: string): JsonObject {
  const dependsOn = after === undefined ? {} : { depends_on: [{ task_key: after }] };
  return { task_key: key, notebook_task: { notebook_path: `/${key}` }, ...dependsOn };
}

async function start(name: string, tasks: readonly JsonObject[], more: JsonObject = {}): Promise<string> {
  const custom = { workspace: 'simulated', request: { run_name: name, tasks } };
  const template = { type: 'databricks', version: 0, name, custom };
  const policy = parseTaskPolicy({ pollMin: '1s', pollMax: '1s', ...more });
  return (await bench.tasks.start({ id: `${name}-${randomUUID()}`, template, policy })).id;
}

it('the outputs of a succeeded task are kept; one that is asked for by name is read afresh', async () => {
  simulator.setOutcome({ match: { taskKey: 'value' }, outcome: { notebookResult: '42' } });
  const id = await start('outputs', [notebook('value'), notebook('other')]);
  await bench.tasks.wait(id);
  const output = { value: { kind: 'notebook', value: '42', truncated: false } };
  expect(await bench.tasks.outputs(id)).toEqual({ from: 'record', outputs: output });
  simulator.setOutcome({ match: { taskKey: 'value' }, outcome: { notebookResult: 'changed' } });
  expect(await bench.tasks.outputs(id, { task: 'value' })).toEqual({ from: 'job', outputs: output });
});

it('where more tasks gave something than is kept, the outputs are read afresh, all of them', async () => {
  simulator.setOutcome({ match: { runName: 'wide' }, outcome: { notebookResult: 'x' } });
  const keys = Array.from({ length: 25 }, (_none, index) => `part-${index}`);
  const id = await start(
    'wide',
    keys.map((key) => notebook(key)),
  );
  const { result } = await bench.tasks.wait(id);
  expect(result?.resource.customInfo).toMatchObject({ outputs_unread: 5 });
  const { from, outputs } = await bench.tasks.outputs(id);
  expect(from).toBe('job');
  expect(Object.keys(outputs).sort()).toEqual([...keys].sort());
});

it('a token at the end of an open task’s log reads on, and after its end there is no further one', async () => {
  simulator.setOutcome({ match: { taskKey: 'talk' }, outcome: { runMs: 60_000, logs: 'said' } });
  const wheel = {
    task_key: 'talk',
    python_wheel_task: { package_name: 'p', entry_point: 'e' },
    new_cluster: { num_workers: 1 },
  };
  const id = await start('logs', [wheel]);
  await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  const open = await bench.tasks.logs(id);
  expect(open).toMatchObject({ lines: [], atEnd: true, nextPageToken: expect.any(String) as string });
  await bench.tasks.wait(id);
  const last = await bench.tasks.logs(id, { pageToken: open.nextPageToken ?? '' });
  expect(last).toEqual({ lines: ['said'], truncated: false });
});

describe('of a task that failed', () => {
  let id: string;

  beforeAll(async () => {
    simulator.setOutcome({
      match: { taskKey: 'broken' },
      outcome: { runMs: 20_000, result: 'FAILED', error: 'KeyError: date' },
    });
    id = await start('failed', [notebook('fine'), notebook('broken'), notebook('after', 'broken')]);
    await bench.tasks.wait(id);
  });

  it('the report has the cause first, the receipt, and the tasks of its job', async () => {
    const report = await bench.tasks.report(id);
    expect(report.causes).toMatchObject([{ task: 'broken', error: 'KeyError: date' }]);
    expect(report.skipped).toBe(1);
    expect(report.receipt.attempts).toHaveLength(1);
    expect(report.metrics.map(({ name, phase }) => `${name} ${phase}`).sort()).toEqual([
      'after SKIPPED',
      'broken FAILED',
      'fine SUCCEEDED',
    ]);
    expect(report.status.message?.split('\n')[0]).toContain('KeyError: date');
  });

  it('the events tell what happened to it, from its start to its end', async () => {
    const { lines, nextPageToken } = await bench.tasks.logs(id, { source: 'events' });
    expect(lines[0]).toContain('the task was started');
    expect(lines.some((line) => line.includes('attempt 1 · RUNNING'))).toBe(true);
    expect(lines.some((line) => line.includes('attempt 1: then fail'))).toBe(true);
    expect(lines.at(-1)).toContain('the task closed: failed');
    expect(nextPageToken).toBeUndefined();
  });

  it('the outputs of what succeeded can still be read', async () => {
    expect(await bench.tasks.outputs(id)).toMatchObject({ from: 'job' });
  });
});

it('clusters that deliver nothing are said to', async () => {
  const id = await start('sources', [notebook('one')]);
  await bench.tasks.wait(id);
  expect((await bench.tasks.logs(id, { source: 'cluster' })).lines).toEqual([
    expect.stringContaining('cluster_log_conf'),
  ]);
});

describe('of a task that waits in its repair window', () => {
  let id: string;
  const followed: string[] = [];

  beforeAll(async () => {
    simulator.setOutcome({
      match: { taskKey: 'mendable', attempt: 0 },
      outcome: { runMs: 5_000, result: 'FAILED', error: 'KeyError: day' },
    });
    id = await start('window', [notebook('mendable'), notebook('behind', 'mendable')], {
      repairWindow: '1h',
    });
    await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  });

  it('the report has the causes and the receipt, as when it has ended', async () => {
    const open = await bench.tasks.report(id);
    expect(open.causes).toMatchObject([{ task: 'mendable', error: 'KeyError: day' }]);
    expect(open.skipped).toBe(1);
    expect(open.receipt.attempts).toMatchObject([
      { attempt: 1, posts: 1, phase: 'FAILED', decision: expect.stringMatching(/^fail: /) as string },
    ]);
  });

  it('its events, followed over the end of the task, come once each', async () => {
    const source = 'events';
    let page = await bench.tasks.logs(id, { source, pageToken: 'start' });
    followed.push(...page.lines);
    await bench.tasks.nudge(id);
    const { result } = await bench.tasks.wait(id);
    page = await bench.tasks.logs(id, { source, pageToken: page.nextPageToken ?? '' });
    followed.push(...page.lines);
    const { lines } = await bench.tasks.logs(id, { source, pageToken: 'start' });
    expect([...followed].map(textOf).sort()).toEqual(lines.map(textOf).sort());
    expect(followed.filter((line) => line.includes('then fail'))).toHaveLength(1);
    expect(result?.receipt.attempts).toHaveLength(1);
  });

  it('healed by a repair after its end, it says why it had failed', async () => {
    await bench.tasks.repair(id);
    await untilStatus(bench, id, ({ state }) => state === 'COMPLETED');
    const { healed } = await bench.tasks.report(id);
    expect(healed).toMatchObject([{ error: expect.stringContaining('KeyError: day') as string }]);
  });
});

/** Without its time. */
function textOf(line: string): string {
  return line.slice(25);
}
