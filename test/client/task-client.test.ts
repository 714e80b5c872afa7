import { randomUUID } from 'node:crypto';

import type { NamedRequest } from '../../src/client';
import type { Connection } from '../../src/connector';
import { failJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openRunningBench, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

let bench: TaskBench;
const jobs = new ScriptedConnector('called', `called-${randomUUID()}`);

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs] });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  jobs.onCreate = succeedJob;
});

const request = (custom = {}): NamedRequest => ({ ...bench.request('called', custom), id: randomUUID() });

async function runIdOf(id: string): Promise<string> {
  return (await bench.handle(id).describe()).runId;
}

describe('ensure', () => {
  test('twenty callers at once start one task', async () => {
    const task = request();
    await Promise.all(Array.from({ length: 20 }, () => bench.tasks.ensure(task)));
    await bench.tasks.wait(task.id);
    expect(jobs.tokens).toHaveLength(1);
  });

  test('joins the task of this id whatever its spec and however it stands', async () => {
    const task = request({ nr: 1 });
    await bench.tasks.ensure(task);
    const runId = await runIdOf(task.id);
    const other = { ...task, template: { ...task.template, custom: { nr: 2 } } };
    await bench.tasks.ensure(other);
    await bench.tasks.wait(task.id);
    await bench.tasks.ensure(other);
    expect(await runIdOf(task.id)).toBe(runId);
    expect(jobs.nth().custom).toEqual({ nr: 1 });
    expect(jobs.tokens).toHaveLength(1);
  });

  test('what a connector rejects is refused at the door, and prevents nothing', async () => {
    const task = request({ invalid: true });
    await expect(bench.tasks.ensure(task)).rejects.toMatchObject({ code: 'INVALID_TASK' });
    await expect(bench.tasks.prevent(task, {})).rejects.toMatchObject({ code: 'INVALID_TASK' });
    await expect(bench.tasks.look(task.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

test('listed are open tasks before closed ones, sorted by their start, newest first', async () => {
  const project = randomUUID();
  const start = async (): Promise<string> => {
    const task = { ...request(), taskExecution: { project } };
    await bench.tasks.ensure(task);
    return task.id;
  };
  jobs.onCreate = () => undefined;
  const open = await start();
  await waitUntil('the job to be there', () => jobs.jobs.size === 1 || undefined);
  jobs.onCreate = succeedJob;
  const closed = [await start(), await start()];
  for (const id of closed) await bench.tasks.wait(id);
  const tasks = await waitUntil('the list to show both as closed', async () => {
    const found = await bench.tasks.list({ project });
    return found.filter(({ state }) => state !== 'OPEN').length === 2 ? found : undefined;
  });
  expect(tasks.map(({ id }) => id)).toEqual([...closed.reverse(), open]);
  expect((await bench.tasks.list({ project, limit: 1 })).map(({ id }) => id)).toEqual([open]);
  await bench.handle(open).terminate();
});

describe('look', () => {
  test('of an id that nobody knows is NOT_FOUND, with how to see the ids there are', async () => {
    await expect(bench.tasks.look(randomUUID())).rejects.toMatchObject({
      code: 'NOT_FOUND',
      advice: expect.stringContaining('longhaul list') as string,
    });
  });

  test('of a workflow that is no task is NOT_FOUND', async () => {
    const workflowId = randomUUID();
    const { workflow } = bench.environment.client;
    const foreign = await workflow.start('somebodyElses', { workflowId, taskQueue: 'nobody', args: [] });
    await expect(bench.tasks.look(workflowId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await foreign.terminate();
  });
});

describe('result', () => {
  test('of a task that succeeded is its resource and receipt', async () => {
    const task = request();
    await bench.tasks.ensure(task);
    const result = await bench.tasks.result(task.id);
    expect(result).toMatchObject({ resource: { phase: 'SUCCEEDED', outputs: { rows: 3 } } });
    expect(result?.receipt.attempts).toHaveLength(1);
  });

  test('of one that failed has the same and the cause', async () => {
    jobs.onCreate = (job) => failJob(job, 'ValueError');
    const task = request();
    await bench.tasks.ensure(task);
    expect(await bench.tasks.result(task.id)).toMatchObject({
      resource: { phase: 'FAILED', message: 'ValueError' },
      cause: 'user',
      receipt: { attempts: [{ posts: 1 }] },
    });
  });

  test('of one that was terminated is nothing', async () => {
    jobs.onCreate = () => undefined;
    const task = request();
    await bench.tasks.ensure(task);
    await bench.handle(task.id).terminate();
    expect(await bench.tasks.result(task.id)).toBeUndefined();
  });
});

describe('renewConnection', () => {
  const connection: Connection = { secrets: {}, sealedFor: 'x', digest: 'other', sealedAt: 1 };

  test('of an id that nobody knows is NOT_FOUND, of an ended task ALREADY_ENDED', async () => {
    await expect(bench.tasks.renewConnection(randomUUID(), connection)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const task = request();
    await bench.tasks.ensure(task);
    await bench.tasks.wait(task.id);
    await expect(bench.tasks.renewConnection(task.id, connection)).rejects.toMatchObject({
      code: 'ALREADY_ENDED',
    });
  });
});
