import { randomUUID } from 'node:crypto';

import { runJob, ScriptedConnector, succeedJob, type ScriptedJob } from '../support/scripted-connector';
import { openRunningBench, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

let bench: TaskBench;
const jobs = new ScriptedConnector('changing', `changing-${randomUUID()}`);

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs] });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  jobs.onCreate = runJob;
  jobs.onGet = changeMeta;
});

/** A change with each look, so that each look may be the last of its run. */
function changeMeta(job: ScriptedJob): void {
  job.meta = { ...job.meta, gets: job.gets };
}

function begin(nr = 0): Promise<string> {
  const request = bench.request('changing', { nr });
  const project = 'flytesnacks';
  return bench.startWith(request, { continueAfterEvents: 12, taskExecution: { project } });
}

async function runIdsOf(id: string): Promise<string[]> {
  const query = `WorkflowId = '${id}'`;
  const runs: string[] = [];
  for await (const run of bench.environment.client.workflow.list({ query })) runs.push(run.runId);
  return runs;
}

test('a task that continues as new keeps its token, its job, its receipt, its memo and its search attributes', async () => {
  jobs.onGet = (job) => (job.gets < 3 ? changeMeta(job) : succeedJob(job));
  const id = await begin();
  const first = await bench.handle(id).describe();
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', name: 'changing', taskType: 'changing v0' });
  expect(status.runId).not.toBe(first.runId);
  expect(result?.receipt.attempts).toMatchObject([{ attempt: 1, posts: 1, externalId: 'job-1' }]);
  expect(result?.receipt.attempts[0]?.token).toBe(`lh-${first.runId}-1`);
  expect(jobs.jobs.size).toBe(1);
  const last = await bench.handle(id).describe();
  const attributes = last.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
  expect(Object.fromEntries(attributes)).toMatchObject({
    ConnectorTaskType: 'changing',
    ConnectorPhase: 'SUCCEEDED',
    ConnectorExternalId: 'job-1',
    ConnectorProject: 'flytesnacks',
  });
});

test('describe goes on showing the job right after a task has continued as new', async () => {
  jobs.onGet = (job) => (job.gets < 3 ? changeMeta(job) : undefined);
  const id = await begin();
  const first = await bench.handle(id).describe();
  const later = await untilStatus(bench, id, ({ runId }) => runId !== first.runId);
  expect(later).toMatchObject({
    phase: 'RUNNING',
    externalId: 'job-1',
    attempt: 1,
    meta: { jobId: 'job-1' },
  });
  const { memo } = await bench.handle(id).describe();
  expect(memo).toMatchObject({ name: 'changing', taskType: 'changing v0', task: { phase: 'RUNNING' } });
  jobs.onGet = succeedJob;
  await bench.tasks.wait(id);
});

test('fifty cancels around the moment of continuing as new: none is lost', async () => {
  const ids = await Promise.all(Array.from({ length: 50 }, (_unused, nr) => begin(nr)));
  const canceled = ids.map(async (id, index) => {
    const job = await waitUntil(`the job of ${id}`, () => jobOf(index));
    await waitUntil('its next look', () => (job.gets > index % 2 ? true : undefined));
    await new Promise((resolve) => setTimeout(resolve, index));
    await (index % 3 === 0 ? bench.handle(id).cancel() : bench.tasks.cancel(id, { by: `nr ${index}` }));
  });
  await Promise.all(canceled);
  const ends = await Promise.all(ids.map((id) => bench.tasks.wait(id)));
  expect(new Set(ends.map(({ status }) => status.state))).toEqual(new Set(['CANCELED']));
  expect([...jobs.jobs.values()].filter((job) => job.next.kind !== 'done')).toEqual([]);
  const runs = await waitUntil('continued runs', async () => {
    const counts = await Promise.all(ids.map(async (id) => (await runIdsOf(id)).length));
    return counts.some((count) => count > 1) ? counts : undefined;
  });
  expect(Math.max(...runs)).toBeGreaterThan(1);
}, 120_000);

function jobOf(nr: number): ScriptedJob | undefined {
  return [...jobs.jobs.values()].find((job) => job.custom['nr'] === nr);
}

test.each(['signal', 'Temporal'])(
  'a cancel by %s in the very workflow task that would continue as new is not swallowed',
  async (by) => {
    const tasksOnly = await openTaskBench({ connectors: [] });
    const first = await tasksOnly.startWorkers();
    tasksOnly.registry.register(jobs);
    let release = (): void => undefined;
    jobs.beforeGet = () => new Promise((resolve) => (release = resolve));
    const request = tasksOnly.request('changing', {});
    const id = await tasksOnly.startWith(request, { continueAfterEvents: 12 });
    await waitUntil('the look to begin', async () => ((await isLooking(id)) ? true : undefined));
    await first.shutdown();
    release();
    jobs.beforeGet = () => Promise.resolve();
    await waitUntil('the look to end', async () => ((await isLooking(id)) ? undefined : true));
    await (by === 'signal' ? tasksOnly.tasks.cancel(id) : tasksOnly.handle(id).cancel());
    const second = await tasksOnly.startWorkers();
    const { status } = await tasksOnly.tasks.wait(id);
    expect(status).toMatchObject({ state: 'CANCELED', code: 'CANCELED' });
    expect(jobs.nth().next.kind).toBe('done');
    await second.shutdown();
    await tasksOnly.environment.teardown();
  },
);

async function isLooking(id: string): Promise<boolean> {
  const { raw } = await bench.handle(id).describe();
  return (raw.pendingActivities ?? []).some(
    ({ activityType, state }) => activityType?.name === 'get' && Number(state) === STARTED,
  );
}

/** `temporal.api.enums.v1.PendingActivityState`. */
const STARTED = 2;

test('a template of nearly a megabyte continues as new', async () => {
  jobs.onGet = (job) => (job.gets < 2 ? changeMeta(job) : succeedJob(job));
  const request = bench.request('changing', { notebook: 'x'.repeat(1_000_000) });
  const id = await bench.startWith(request, { continueAfterEvents: 12 });
  const { status } = await bench.tasks.wait(id);
  expect(status.state).toBe('COMPLETED');
  expect(jobs.nth().custom).toEqual(request.template.custom);
});

test('a nudge that comes while the task continues as new is obeyed or harmless, never an error', async () => {
  const id = await begin();
  for (let nth = 0; nth < 20; nth += 1) await bench.handle(id).signal('nudge');
  jobs.onGet = succeedJob;
  expect((await bench.tasks.wait(id)).status.state).toBe('COMPLETED');
});
