import { randomUUID } from 'node:crypto';

import { runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { installQuietRuntime, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

let bench: TaskBench;
let jobs: ScriptedConnector;

beforeAll(() => {
  installQuietRuntime();
});

beforeEach(async () => {
  jobs = new ScriptedConnector('shown', `shown-${randomUUID()}`);
  jobs.onCreate = runJob;
  const env = { LONGHAUL_SECRET_OK: 'canary-0815' };
  bench = await openTaskBench({ connectors: [jobs], env, secretsAllow: ['env:LONGHAUL_SECRET_*'] });
});

afterEach(() => bench.close());

async function beginRunning(policy = {}): Promise<string> {
  const { id } = await bench.tasks.start(bench.request('shown', {}, policy));
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  return id;
}

test('with all workers stopped, describe still tells phase, message, links, job and the next look', async () => {
  const workers = await bench.startWorkers();
  const id = await beginRunning();
  runJob(jobs.nth(), 'at 73 %');
  await untilStatus(bench, id, (status) => status.message === 'at 73 %');
  await workers.shutdown();
  const status = await bench.tasks.get(id);
  expect(status).toMatchObject({
    state: 'OPEN',
    phase: 'RUNNING',
    message: 'at 73 %',
    externalId: 'job-1',
    meta: { jobId: 'job-1' },
    links: [{ name: 'Console', uri: 'https://example.invalid/job-1' }],
  });
  expect(status.nextCheckAt).toBeGreaterThan(0);
  const later = await bench.startWorkers();
  jobs.onGet = succeedJob;
  await bench.tasks.wait(id);
  await later.shutdown();
});

test('a terminated task shows FAILED, and that its job was not stopped', async () => {
  await bench.startWorkers();
  const id = await beginRunning();
  await bench.handle(id).terminate('by hand');
  expect(await bench.tasks.get(id)).toMatchObject({
    state: 'TERMINATED',
    phase: 'FAILED',
    message: 'The workflow was terminated from outside; its job was not stopped (last seen RUNNING).',
  });
});

test('a nudge looks now', async () => {
  await bench.startWorkers();
  const id = await beginRunning({ pollMin: '60s', pollMax: '60s' });
  await waitUntil('the first look', () => (jobs.nth().gets > 0 ? true : undefined));
  jobs.onGet = succeedJob;
  await bench.tasks.nudge(id);
  expect((await bench.tasks.wait(id)).status.state).toBe('COMPLETED');
});

test('a hundred nudges cost two looks, one of them when the gap is over', async () => {
  await bench.startWorkers();
  const id = await beginRunning({ pollMin: '60s', pollMax: '60s' });
  await waitUntil('the first look', () => (jobs.nth().gets > 0 ? true : undefined));
  const before = (await bench.events(id)).length;
  const startedAt = Date.now();
  for (let nth = 0; nth < 100; nth += 1) await bench.handle(id).signal('nudge');
  const allAtMs = Date.now() - startedAt;
  await untilStatus(bench, id, () => jobs.nth().gets > 1 && Date.now() - startedAt > GAP_MS + 2_000);
  const scheduled = (await bench.events(id)).slice(before).filter((type) => type === ACTIVITY_SCHEDULED);
  expect(scheduled.length).toBeLessThanOrEqual(2 + Math.ceil(allAtMs / GAP_MS));
  jobs.onGet = succeedJob;
  await bench.tasks.nudge(id);
  await bench.tasks.wait(id);
});

const GAP_MS = 5_000;
const ACTIVITY_SCHEDULED = '10';

describe('the door', () => {
  test('the same id and the same spec join; another spec is TOKEN_CONFLICT', async () => {
    const request = bench.request('shown', { a: 1 });
    const first = await bench.tasks.start(request);
    await expect(bench.tasks.start(request)).resolves.toEqual({ ...first, attached: true });
    const other = { ...request, template: { ...request.template, custom: { a: 2 } } };
    await expect(bench.tasks.start(other)).rejects.toMatchObject({ code: 'TOKEN_CONFLICT' });
  });

  test('an id that has ended is refused, shown on --attach, and run anew on --again', async () => {
    await bench.startWorkers();
    jobs.onGet = succeedJob;
    const request = bench.request('shown', {});
    const first = await bench.tasks.start(request);
    await bench.tasks.wait(first.id);
    await expect(bench.tasks.start(request)).rejects.toMatchObject({ code: 'ALREADY_ENDED' });
    await expect(bench.tasks.start(request, 'attach')).resolves.toEqual({ ...first, attached: true });
    expect(jobs.jobs.size).toBe(1);
    const again = await bench.tasks.start(request, 'again');
    expect(again).toMatchObject({ id: first.id, attached: false });
    expect(again.runId).not.toBe(first.runId);
    await bench.tasks.wait(first.id);
    expect(jobs.jobs.size).toBe(2);
  });

  test('what a connector rejects, what is too large and what names a forbidden secret is never started', async () => {
    const start = (custom: object) =>
      bench.tasks.start({ ...bench.request('shown', { ...custom }), id: 'door' });
    await expect(start({ invalid: true })).rejects.toMatchObject({
      code: 'INVALID_TASK',
      field: 'spec.invalid',
    });
    await expect(start({ notebook: { source: 'x'.repeat(1_100_000) } })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      field: 'custom.notebook.source',
    });
    await expect(start({ password: { $secret: 'env:HOME' } })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      field: 'password',
    });
    await expect(bench.tasks.get('door')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(jobs.jobs.size).toBe(0);
  });
});
