import { randomUUID } from 'node:crypto';

import { LonghaulError } from '../../src/connector';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openRunningBench, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

let bench: TaskBench;
const jobs = new ScriptedConnector('prepared', `prepared-${randomUUID()}`);
/** What `create` and `delete` were told had been looked up. */
let told: unknown[];
let lookUps: number;

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs] });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  told = [];
  lookUps = 0;
  jobs.onPrepare = async () => ({ jobId: `found-${(lookUps += 1)}` });
  jobs.beforeCreate = async ({ prepared }) => void told.push(prepared);
  jobs.onCreate = runJob;
  jobs.onGet = succeedJob;
});

async function start(policy = {}): Promise<string> {
  return (await bench.tasks.start(bench.request('prepared', { name: 'nightly' }, policy))).id;
}

const unavailable = (): LonghaulError => new LonghaulError('UNAVAILABLE', 'no answer');

test('what was looked up is the same in every try of an attempt', async () => {
  jobs.afterCreate = () => (told.length < 3 ? Promise.reject(unavailable()) : Promise.resolve());
  expect((await bench.tasks.wait(await start())).status.phase).toBe('SUCCEEDED');
  expect(told).toEqual([{ jobId: 'found-1' }, { jobId: 'found-1' }, { jobId: 'found-1' }]);
});

test('each attempt looks anew', async () => {
  const decision = { action: 'retry', reason: 'spot lost' } as const;
  jobs.onGet = (job) => (lookUps === 1 ? failJob(job, 'spot', { decision }) : succeedJob(job));
  expect((await bench.tasks.wait(await start())).status.phase).toBe('SUCCEEDED');
  expect(told).toEqual([{ jobId: 'found-1' }, { jobId: 'found-2' }]);
});

test('a task that names nothing schedules no look-up', async () => {
  const { id } = await bench.tasks.start(bench.request('prepared', {}));
  await bench.tasks.wait(id);
  expect({ told, lookUps }).toEqual({ told: [undefined], lookUps: 0 });
});

test('a look-up that fails ends the task with its code, and nothing was sent', async () => {
  jobs.onPrepare = () => Promise.reject(new LonghaulError('NOT_FOUND', 'no job is named nightly'));
  const { status, result } = await bench.tasks.wait(await start());
  expect(status).toMatchObject({ state: 'FAILED', code: 'NOT_FOUND', message: 'no job is named nightly' });
  expect(result?.receipt.attempts).toMatchObject([{ posts: 0, endedAt: expect.any(Number) }]);
  expect(told).toEqual([]);
});

test('a look-up out of reach is repeated', async () => {
  jobs.onPrepare = async () => {
    if ((lookUps += 1) === 1) throw unavailable();
    return { jobId: 'found' };
  };
  expect((await bench.tasks.wait(await start())).status.phase).toBe('SUCCEEDED');
});

test('a task canceled before it was looked up ends at once and asks nobody to stop anything', async () => {
  const stops: unknown[] = [];
  jobs.beforeDelete = async (target) => void stops.push(target);
  jobs.onPrepare = async () => {
    lookUps += 1;
    throw unavailable();
  };
  const id = await start();
  await waitUntil('the look-up', () => (lookUps > 0 ? true : undefined));
  await bench.tasks.cancel(id);
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'CANCELED', code: 'CANCELED' });
  expect({ stops, told }).toEqual({ stops: [], told: [] });
});

test('a cancel after an unanswered submit fences with what was looked up', async () => {
  const fenced: unknown[] = [];
  jobs.beforeDelete = async (target) =>
    void fenced.push(target.kind === 'request' ? target.request.prepared : 'by meta');
  jobs.afterCreate = () => Promise.reject(unavailable());
  const id = await start();
  await waitUntil('the submit', () => (jobs.jobs.size > 0 ? true : undefined));
  await bench.handle(id).cancel();
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
  expect(fenced[0]).toEqual({ jobId: 'found-1' });
  expect(jobs.jobs.size).toBe(1);
});
