import { randomUUID } from 'node:crypto';

import { LonghaulError } from '../../src/connector';
import { runJob, ScriptedConnector, succeedJob, type ScriptedJob } from '../support/scripted-connector';
import { installQuietRuntime, openTaskBench, type TaskBench } from '../support/task-bench';
import { startTimeSkippingTaskServer } from '../support/time-skipping-server';

const HOUR_MS = 3_600_000;

let bench: TaskBench;
let jobs: ScriptedConnector;

beforeAll(async () => {
  installQuietRuntime();
  jobs = new ScriptedConnector('patient', `patient-${randomUUID()}`);
  const environment = await startTimeSkippingTaskServer();
  bench = await openTaskBench({ connectors: [jobs], environment });
  await bench.startWorkers();
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  jobs.onCreate = runJob;
});

/** Starts a task and waits for its end while time flies; gives the figures of the whole. */
async function runThrough(policy = {}) {
  const { id } = await bench.tasks.start(bench.request('patient', {}, policy));
  await bench
    .handle(id)
    .result()
    .catch(() => undefined);
  const { status, result } = await bench.tasks.wait(id);
  const tookMs = (status.closedAt ?? 0) - status.startedAt;
  return { id, status, result, tookMs, events: await bench.events(id) };
}

function changeMeta(job: ScriptedJob, step: string, next: ScriptedJob['next']): void {
  job.meta = { ...job.meta, step };
  job.next = next;
}

test('one unchanged workflow drives a job whose meta changes twice, that sleeps an hour and awaits a long step', async () => {
  jobs.onGet = (job) => {
    if (job.gets === 1) changeMeta(job, 'deferred', { kind: 'sleep', until: Date.now() });
    else if (job.meta['step'] === 'deferred') changeMeta(job, 'resumed', { kind: 'execute' });
  };
  jobs.beforeGet = async () => {
    const now = await bench.environment.currentTimeMs();
    const job = jobs.nth();
    if (job.gets === 0) job.meta = { ...job.meta, sleepsUntil: now + HOUR_MS };
  };
  const sleeping = jobs.onGet;
  jobs.onGet = (job) => {
    sleeping(job);
    if (job.next.kind === 'sleep') job.next = { kind: 'sleep', until: Number(job.meta['sleepsUntil']) };
  };
  jobs.onExecute = async (job, call) => {
    call.saveState({ half: true });
    succeedJob(job);
  };
  const { status, result, tookMs, events } = await runThrough();
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', meta: { step: 'resumed' } });
  expect(result?.receipt.attempts).toHaveLength(1);
  expect(tookMs).toBeGreaterThanOrEqual(HOUR_MS);
  expect(events.length).toBeLessThanOrEqual(40);
});

test('a task of 1,000 looks and three changes of phase costs the events of its changes only', async () => {
  jobs.onCreate = () => undefined;
  jobs.onGet = (job) => {
    if (job.gets === 300) job.resource = { phase: 'INITIALIZING' };
    if (job.gets === 600) runJob(job);
    if (job.gets === 1_000) succeedJob(job);
  };
  const { status, events, tookMs } = await runThrough({ pollMin: '60s', pollMax: '60s' });
  expect(status.state).toBe('COMPLETED');
  expect(jobs.nth().gets).toBe(1_000);
  expect(tookMs).toBeGreaterThan(12 * HOUR_MS);
  expect(events).toHaveLength(EVENTS.submit + 2 * EVENTS.change + EVENTS.end);
}, 120_000);

/** Promise P6: three changes of phase, the success among them, cost 37 events; a look that changes nothing costs none. */
const EVENTS = { submit: 12, change: 8, end: 9 };

test('a workspace away for an hour costs nothing: the job is not canceled and its success is seen', async () => {
  let awaySince = 0;
  let failures = 0;
  jobs.beforeGet = async () => {
    const now = await bench.environment.currentTimeMs();
    awaySince ||= now;
    if (now - awaySince > HOUR_MS) return;
    failures += 1;
    throw new LonghaulError('UNAVAILABLE', 'connection refused');
  };
  jobs.onGet = succeedJob;
  const { status, tookMs, events } = await runThrough();
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED' });
  expect(status.unreachableSince).toBeUndefined();
  expect(jobs.nth().cancels).toBe(0);
  expect(failures).toBeGreaterThan(60);
  expect(tookMs).toBeGreaterThan(HOUR_MS);
  expect(events.length).toBeLessThanOrEqual(40);
}, 120_000);

test('a deadline of five hours ends the task after five hours, with its job stopped', async () => {
  const { status, tookMs, events } = await runThrough({
    executionTimeout: '5h',
    pollMin: '60s',
    pollMax: '60s',
  });
  expect(status).toMatchObject({ state: 'FAILED', code: 'DEADLINE_EXECUTION' });
  expect(jobs.nth().cancels).toBe(1);
  // This server tells retries the time of the first try, so that the last look is not drawn to the deadline.
  expect(tookMs).toBeGreaterThanOrEqual(5 * HOUR_MS - 80_000);
  expect(tookMs).toBeLessThan(5 * HOUR_MS + 60_000);
  expect(events.length).toBeLessThanOrEqual(40);
}, 120_000);
