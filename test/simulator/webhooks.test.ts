import { startHttpServer, type HttpServer } from '../support/http-server';
import { waitUntil } from '../support/wait-until';
import { closeSimulators, ended, notebook, post, simulate, submit } from './workspace-client';

interface Delivered {
  readonly event_type: string;
  readonly workspace_id: string;
  readonly task?: { readonly task_key: string };
  readonly run: { readonly run_id: string; readonly parent_run_id?: string };
  readonly job: { readonly name: string };
}

let server: HttpServer;
let received: Delivered[];
/** Status codes to answer with before 200s. */
let refusals: number[];

beforeEach(async () => {
  received = [];
  refusals = [];
  server = await startHttpServer(({ text }) => {
    received.push(parse(text));
    return { status: refusals.shift() ?? 200, body: '' };
  });
});

afterEach(async () => {
  await closeSimulators();
  await server.close();
});

const TO_HOOK = [{ id: 'hook' }];
const ALL_EVENTS = {
  webhook_notifications: {
    on_start: TO_HOOK,
    on_success: TO_HOOK,
    on_failure: TO_HOOK,
    on_duration_warning_threshold_exceeded: TO_HOOK,
  },
};

/** Ids keep their digits. */
function parse(text: string): Delivered {
  return JSON.parse(text.replaceAll(/:(\d{16,})/g, ':"$1"')) as Delivered; // asserted on
}

function simulateWithHook() {
  return simulate({ webhooks: [{ id: 'hook', url: server.url }], webhookRetryMs: 20 });
}

function events(): string[] {
  return received.map(
    ({ event_type, task }) => `${event_type}${task === undefined ? '' : ` ${task.task_key}`}`,
  );
}

function whenReceived(count: number): Promise<true> {
  return waitUntil(`${count} webhooks`, () => received.length >= count || undefined);
}

test('a run tells its start and its success, in the words of Databricks', async () => {
  const simulator = await simulateWithHook();
  const runId = await submit(simulator.url, { run_name: 'nightly', tasks: [notebook('a')], ...ALL_EVENTS });
  await whenReceived(2);
  expect(events()).toEqual(['jobs.on_start', 'jobs.on_success']);
  expect(received[0]).toMatchObject({
    workspace_id: '4242424242424242',
    run: { run_id: runId },
    job: { name: 'nightly' },
  });
});

test('a task tells of each attempt by its own run id, a run of its failure', async () => {
  const simulator = await simulateWithHook();
  simulator.setOutcome({ match: { taskKey: 'a' }, outcome: { result: 'FAILED' } });
  const tasks = [notebook('a', { max_retries: 1, ...ALL_EVENTS })];
  await submit(simulator.url, { tasks, webhook_notifications: { on_failure: TO_HOOK } });
  await whenReceived(5);
  expect(events().sort()).toEqual([
    'jobs.on_failure',
    ...['jobs.on_failure a', 'jobs.on_failure a', 'jobs.on_start a', 'jobs.on_start a'],
  ]);
  expect(new Set(received.map(({ run }) => run.run_id)).size).toBe(3);
});

test('with alert_on_last_attempt only the last attempt fails, and the first one starts', async () => {
  const simulator = await simulateWithHook();
  simulator.setOutcome({ match: { taskKey: 'a' }, outcome: { result: 'FAILED' } });
  const settings = { notification_settings: { alert_on_last_attempt: true } };
  const tasks = [notebook('a', { max_retries: 2, ...ALL_EVENTS, ...settings })];
  await ended(simulator.url, await submit(simulator.url, { tasks }));
  await whenReceived(2);
  expect(events()).toEqual(['jobs.on_start a', 'jobs.on_failure a']);
});

test.each([
  [true, ['jobs.on_start']],
  [false, ['jobs.on_start', 'jobs.on_failure']],
])('a canceled run counts as failed unless no_alert_for_canceled_runs (%s)', async (muted, expected) => {
  const simulator = await simulateWithHook();
  simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
  const settings = { notification_settings: { no_alert_for_canceled_runs: muted } };
  const runId = await submit(simulator.url, { tasks: [notebook('a')], ...ALL_EVENTS, ...settings });
  await whenReceived(1);
  await post(simulator.url, 'runs/cancel', { run_id: runId });
  await ended(simulator.url, runId);
  await submit(simulator.url, { tasks: [notebook('b')], webhook_notifications: { on_start: TO_HOOK } });
  await whenReceived(expected.length + 1);
  expect(events().slice(0, -1)).toEqual(expected);
});

test('a run of a saved job beyond its duration threshold gives a warning, once', async () => {
  const simulator = await simulateWithHook();
  simulator.setOutcome({ match: {}, outcome: { runMs: 20_000 } });
  const rule = { metric: 'RUN_DURATION_SECONDS', op: 'GREATER_THAN', value: 5 };
  const job = { name: 'long', tasks: [notebook('a')], health: { rules: [rule] }, ...ALL_EVENTS };
  const { body } = await post(simulator.url, 'create', job);
  await post(simulator.url, 'run-now', { job_id: body.job_id });
  await whenReceived(3);
  const warning = 'jobs.on_duration_warning_threshold_exceeded';
  expect(events()).toEqual(['jobs.on_start', warning, 'jobs.on_success']);
});

test('a destination that refuses is tried again, four times at most', async () => {
  const simulator = await simulateWithHook();
  refusals = [503, 500, 429, 503];
  const start = { webhook_notifications: { on_start: TO_HOOK } };
  await submit(simulator.url, { tasks: [notebook('a')], ...start });
  const given = () =>
    simulator.webhookDeliveries().map(({ state, tries, answer }) => ({ state, tries, answer }));
  await waitUntil('the end of the first delivery', () => given()[0]?.state === 'failed' || undefined);
  expect(given()).toEqual([{ state: 'failed', tries: 4, answer: 503 }]);
  refusals = [503];
  await submit(simulator.url, { tasks: [notebook('b')], ...start });
  await waitUntil('the second delivery', () => given()[1]?.state === 'delivered' || undefined);
  expect(given()[1]).toEqual({ state: 'delivered', tries: 2, answer: 200 });
});

test('nobody is told what happened before there was a destination', async () => {
  const simulator = await simulate({ webhookRetryMs: 20 });
  const body = { tasks: [notebook('a')], ...ALL_EVENTS };
  await ended(simulator.url, await submit(simulator.url, { run_name: 'early', ...body }));
  await post(simulator.url, '/simulator/webhooks', { id: 'hook', url: server.url });
  await submit(simulator.url, { run_name: 'late', ...body });
  await whenReceived(2);
  expect(received.map(({ job }) => job.name)).toEqual(['late', 'late']);
});
