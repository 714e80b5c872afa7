import type { JsonObject } from '../../../src/connector';
import { DatabricksJobMetadata, type DatabricksConnectorV2 } from '../../../src/connectors/databricks';
import { parseRepairOptions, toRepairBody } from '../../../src/connectors/databricks/databricks-repair';
import { blockersOf, readTaskRuns } from '../../../src/connectors/databricks/databricks-tasks';
import { callContext, connectorFor, rejection, submitRequest } from './support/calls';
import { apiError, startFakeWorkspace, taskOf, type FakeWorkspace } from './support/fake-workspace';

let fake: FakeWorkspace;
let connector: DatabricksConnectorV2;

beforeEach(async () => {
  fake = await startFakeWorkspace();
  connector = connectorFor(fake);
  fake.on('runs/repair', { body: { repair_id: 9007199254740995n.toString() } });
});

afterEach(async () => {
  await connector.close();
  await fake.close();
});

const REQUEST = submitRequest({ tasks: [{ task_key: 'a', notebook_task: { notebook_path: '/a' } }] });

function metaWith(latestRepairId?: string | null): JsonObject {
  const meta = { version: 1, databricksInstance: fake.host, runId: '4711' };
  return latestRepairId === undefined ? meta : { ...meta, latestRepairId };
}

/** The run as `runs/get` shows it, with the repairs of these ids. */
function showRun(lifeCycle: 'RUNNING' | 'TERMINATED', ...repairs: readonly string[]): void {
  const result = lifeCycle === 'TERMINATED' ? { result_state: 'FAILED' } : {};
  const history = [{ type: 'ORIGINAL' }, ...repairs.map((id) => ({ type: 'REPAIR', id }))];
  const run = { run_id: 4711, job_id: 5, state: { life_cycle_state: lifeCycle, ...result } };
  fake.on('runs/get', { body: { ...run, repair_history: history } });
}

function repair(meta: JsonObject, options: JsonObject = {}) {
  return connector.repair({ meta, request: REQUEST, options }, callContext());
}

function sentBodies(): string[] {
  return fake.requestsTo('runs/repair').map(({ text }) => text);
}

test('a first repair names no other, a later one names the last; ids keep all their digits', async () => {
  showRun('TERMINATED');
  const first = await repair(metaWith(null));
  expect(first).toMatchObject({ meta: { latestRepairId: '9007199254740995' }, next: { kind: 'poll' } });
  showRun('TERMINATED', '9007199254740995');
  await repair(first.meta);
  expect(sentBodies()).toEqual([
    '{"run_id":4711,"rerun_all_failed_tasks":true,"rerun_dependent_tasks":true}',
    '{"run_id":4711,"rerun_all_failed_tasks":true,"rerun_dependent_tasks":true,"latest_repair_id":9007199254740995}',
  ]);
});

test('a repair that has begun since the run was seen ended is followed, and none is sent', async () => {
  showRun('RUNNING', '8');
  expect(await repair(metaWith(null))).toMatchObject({
    meta: { latestRepairId: '8' },
    resource: { phase: 'RUNNING' },
  });
  showRun('TERMINATED', '8', '9');
  expect(await repair(metaWith('8'))).toMatchObject({
    meta: { latestRepairId: '9' },
    next: { kind: 'done' },
  });
  expect(sentBodies()).toEqual([]);
});

test('only the request that begins a repair is announced', async () => {
  showRun('TERMINATED', '8');
  const followed = callContext();
  await connector.repair({ meta: metaWith(null), request: REQUEST, options: {} }, followed);
  const sent = callContext();
  await connector.repair({ meta: metaWith('8'), request: REQUEST, options: {} }, sent);
  expect([followed.submits(), sent.submits()]).toEqual([0, 1]);
});

test('a repair is refused while the run is active for another reason', async () => {
  showRun('RUNNING');
  expect(await rejection(repair(metaWith(null)))).toMatchObject({ code: 'JOB_ACTIVE' });
  expect(sentBodies()).toEqual([]);
});

test('a refusal because somebody was faster is followed; any other is told', async () => {
  showRun('TERMINATED');
  fake.on('runs/repair', () => {
    showRun('RUNNING', '8');
    return apiError(400, 'INVALID_PARAMETER_VALUE', 'The latest repair ID needs to be provided');
  });
  expect(await repair(metaWith(null))).toMatchObject({ meta: { latestRepairId: '8' } });
  showRun('TERMINATED', '8');
  fake.on('runs/repair', apiError(400, 'INVALID_PARAMETER_VALUE', 'rerun_tasks must name tasks of the run'));
  expect(await rejection(repair(metaWith('8')))).toMatchObject({ code: 'INVALID_TASK' });
});

test('an answer without an id is asked for again, and the history then tells', async () => {
  showRun('TERMINATED');
  fake.on('runs/repair', { body: {} });
  expect(await rejection(repair(metaWith(null)))).toMatchObject({ code: 'UNAVAILABLE' });
});

test('an end from before the repair is not taken for the end of the repair', async () => {
  showRun('TERMINATED', '7');
  expect(await connector.get(metaWith('8'), callContext())).toMatchObject({
    resource: { phase: 'QUEUED', message: 'Repair 8 of run 4711 has begun' },
    next: { kind: 'poll' },
  });
  showRun('TERMINATED', '7', '8');
  expect(await connector.get(metaWith('8'), callContext())).toMatchObject({ next: { kind: 'done' } });
});

test('a failed run is seen with its last repair, from which the chain goes on', async () => {
  showRun('TERMINATED');
  expect((await connector.get(metaWith(), callContext())).meta).toMatchObject({ latestRepairId: null });
  showRun('TERMINATED', '7', '8');
  expect((await connector.get(metaWith(), callContext())).meta).toMatchObject({ latestRepairId: '8' });
});

test('a stop completes the chain of an unanswered repair once, however often it is asked for', async () => {
  showRun('TERMINATED');
  fake.on('runs/repair', () => {
    showRun('TERMINATED', '8');
    return { body: { repair_id: 8 } };
  });
  fake.on('runs/cancel', { body: {} });
  const target = { kind: 'meta', meta: metaWith(null), repair: { request: REQUEST, options: {} } } as const;
  for (let turn = 0; turn < 2; turn += 1) {
    expect(await connector.delete(target, callContext())).toMatchObject({ kind: 'stopped' });
  }
  expect(sentBodies()).toHaveLength(1);
  expect(fake.requestsTo('runs/cancel')).toHaveLength(2);
});

test('a stop waits for the repair that it has begun, however late the history shows it, and begins no other', async () => {
  showRun('TERMINATED', '7');
  fake.on('runs/repair', { body: { repair_id: 8 } });
  fake.on('runs/cancel', { body: {} });
  const target = { kind: 'meta', meta: metaWith('7'), repair: { request: REQUEST, options: {} } } as const;
  let previousState: JsonObject | undefined;
  const stop = () =>
    connector.delete(target, callContext({ previousState, saveState: (state) => (previousState = state) }));
  for (let turn = 0; turn < 2; turn += 1) expect(await stop()).toMatchObject({ kind: 'stopping' });
  showRun('TERMINATED', '7', '8');
  expect(await stop()).toMatchObject({ kind: 'stopped', meta: { latestRepairId: '8' } });
  expect(sentBodies()).toHaveLength(1);
  expect(fake.requestsTo('runs/cancel')).toHaveLength(3);
});

test('where the chain was never looked at, a stop begins no repair', async () => {
  showRun('TERMINATED');
  fake.on('runs/cancel', { body: {} });
  const target = { kind: 'meta', meta: metaWith(), repair: { request: REQUEST, options: {} } } as const;
  expect(await connector.delete(target, callContext())).toMatchObject({ kind: 'stopped' });
  expect(sentBodies()).toEqual([]);
});

test('parameters are sent again: those of the run, over them those of the request, over all those given now', () => {
  const raw = {
    job_parameters: [
      { name: 'day', default: 'today', value: 'monday' },
      { name: 'mode', default: 'full', value: 'full' },
      { name: 'region', default: 'eu', value: 'us' },
    ],
    overriding_parameters: { notebook_params: { a: '1' } },
  };
  const request = submitRequest({ job_id: 5, job_parameters: { region: 'ap' }, python_params: ['x'] });
  const options = parseRepairOptions({ tasks: ['b'], jobParameters: { mode: 'fast' }, dependents: false });
  expect(toRepairBody({ run: { raw }, known: '8', request, options })).toEqual({
    rerun_tasks: ['b'],
    rerun_dependent_tasks: false,
    latest_repair_id: '8',
    notebook_params: { a: '1' },
    python_params: ['x'],
    job_parameters: { day: 'monday', region: 'ap', mode: 'fast' },
  });
});

test.each<[JsonObject, string]>([
  [{ rerun: true }, 'options.rerun'],
  [{ tasks: 'b' }, 'options.tasks'],
  [{ tasks: [] }, 'options.tasks'],
  [{ tasks: ['a', 1] }, 'options.tasks'],
  [{ jobParameters: { day: 1 } }, 'options.jobParameters'],
  [{ dependents: 'no' }, 'options.dependents'],
])('the options %j are refused, naming %s, and nothing is sent', async (options, field) => {
  expect(await rejection(repair(metaWith(null), options))).toMatchObject({ code: 'INVALID_TASK', field });
  expect(fake.requests).toHaveLength(0);
});

test.each([undefined, null, '9007199254740995'])('a meta whose last repair is %s survives the wire', (id) => {
  const meta = DatabricksJobMetadata.parse(metaWith(id));
  expect(DatabricksJobMetadata.decode(DatabricksJobMetadata.encode(meta))).toEqual(meta);
  expect(meta.latestRepairId).toEqual(id);
});

describe('a repair of named tasks whose upstream has failed', () => {
  const after = (...keys: string[]): JsonObject => ({ depends_on: keys.map((task_key) => ({ task_key })) });
  const ended = (result_state: string): JsonObject => ({
    state: { life_cycle_state: 'TERMINATED', result_state },
  });
  const TASKS = [
    taskOf('load', 1, ended('FAILED')),
    taskOf('clean', 2, { ...ended('UPSTREAM_FAILED'), ...after('load') }),
    taskOf('sum', 3, { ...ended('UPSTREAM_FAILED'), ...after('clean', 'other') }),
    taskOf('other', 4, ended('SUCCESS')),
    taskOf('tell', 5, { ...ended('FAILED'), ...after('load'), run_if: 'ALL_DONE' }),
  ];

  test.each([
    [['sum'], ['load', 'clean']],
    [['sum', 'clean'], ['load']],
    [['sum', 'clean', 'load'], []],
    [['load'], []],
    [['tell'], []],
  ])('of %j is held up by %j', (wanted, blockers) => {
    expect(blockersOf(wanted, readTaskRuns(TASKS))).toEqual(blockers);
  });

  test('says so when it has begun', async () => {
    const state = { life_cycle_state: 'TERMINATED', result_state: 'FAILED' };
    fake.on('runs/get', { body: { run_id: 4711, job_id: 5, state, tasks: TASKS } });
    const { resource } = await repair(metaWith(null), { tasks: ['clean'] });
    expect(resource.message).toMatch(/has begun; it skips again what needs load, which did not succeed/);
    const whole = await repair(metaWith(null), { tasks: ['clean', 'load'] });
    expect(whole.resource.message).toMatch(/has begun$/);
  });
});
