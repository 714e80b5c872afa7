import { randomUUID } from 'node:crypto';

import { WorkflowUpdateFailedError } from '@temporalio/client';

import type { AttemptDecision, ErrorCode, JsonObject } from '../../src/connector';
import { LonghaulError } from '../../src/connector';
import { TaskClient } from '../../src/client';
import { rememberTask } from '../../src/worker/left-task';
import {
  failJob,
  runJob,
  ScriptedConnector,
  succeedJob,
  type ScriptedJob,
} from '../support/scripted-connector';
import { installQuietRuntime, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';

const HOUR_MS = 3_600_000;
const LATER: AttemptDecision = { action: 'retryAfter', delayMs: HOUR_MS, reason: 'quota' };
const REPAIR: AttemptDecision = { action: 'repair', reason: 'one task of many' };

let bench: TaskBench;
let jobs: ScriptedConnector;
let plain: ScriptedConnector;

beforeAll(async () => {
  installQuietRuntime();
  jobs = new ScriptedConnector('repairable', `repairable-${randomUUID()}`);
  plain = new ScriptedConnector('plain', `plain-${randomUUID()}`, { repair: false });
  bench = await openTaskBench({ connectors: [jobs, plain], troubleShownAfterMs: 500 });
  await bench.startWorkers();
});

afterAll(() => bench.close());

beforeEach(() => {
  for (const connector of [jobs, plain]) {
    connector.jobs.clear();
    connector.onCreate = (job) => failJob(job, 'no quota.', { cause: 'quota', decision: LATER });
    connector.beforeGet = () => Promise.resolve();
    connector.onGet = () => undefined;
    connector.beforeRepair = () => Promise.resolve();
    connector.onRepair = (job) => {
      runJob(job);
      job.next = { kind: 'poll' };
    };
  }
});

async function begin(type = 'repairable', policy = {}): Promise<string> {
  const { id } = await bench.tasks.start(bench.request(type, {}, policy));
  return id;
}

async function beginPaused(type?: string): Promise<string> {
  const id = await begin(type);
  await untilStatus(bench, id, (status) => status.message?.startsWith('next attempt') === true);
  return id;
}

function repair(id: string, options: JsonObject = {}): Promise<unknown> {
  return bench.handle(id).executeUpdate('repair', { args: [options] });
}

async function refusalOf(update: Promise<unknown>): Promise<unknown> {
  const error: unknown = await update.catch((thrown: unknown) => thrown);
  return error instanceof WorkflowUpdateFailedError ? error.cause : error;
}

test('a repair during the pause runs the same job again: same attempt, same token, with the given options', async () => {
  const id = await beginPaused();
  let options: JsonObject = {};
  jobs.onRepair = (job, given) => {
    options = given;
    runJob(job);
    job.next = { kind: 'poll' };
  };
  await expect(repair(id, { rerunTasks: ['b'] })).resolves.toEqual({ externalId: 'job-1', phase: 'RUNNING' });
  jobs.onGet = succeedJob;
  const { status, result } = await bench.tasks.wait(id);
  expect(options).toEqual({ rerunTasks: ['b'] });
  expect(status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
  expect(jobs.jobs.size).toBe(1);
  expect(result?.receipt.attempts).toMatchObject([{ attempt: 1, repairs: 1, phase: 'SUCCEEDED' }]);
});

test('a repair costs no more than eighteen events, the answer to its caller included', async () => {
  const id = await beginPaused();
  const before = (await bench.events(id)).length;
  await repair(id);
  expect((await bench.events(id)).length - before).toBeLessThanOrEqual(EVENTS_OF_A_REPAIR);
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
});

const EVENTS_OF_A_REPAIR = 18;

test('a repair is refused while the job is active', async () => {
  jobs.onCreate = runJob;
  const id = await begin();
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  expect(await refusalOf(repair(id))).toMatchObject({ type: 'JOB_ACTIVE' });
  jobs.onGet = succeedJob;
  expect((await bench.tasks.wait(id)).status.state).toBe('COMPLETED');
});

test('a repair is refused where the connector offers none, and where its options are not an object', async () => {
  const id = await beginPaused('plain');
  const refusal = { type: 'UNSUPPORTED', message: 'The connector of plain does not offer repair.' };
  expect(await refusalOf(repair(id))).toMatchObject(refusal);
  const other = await beginPaused();
  const update = bench.handle(other).executeUpdate('repair', { args: ['all'] });
  expect(await refusalOf(update)).toMatchObject({ type: 'INVALID_TASK' });
  await Promise.all([bench.tasks.cancel(id), bench.tasks.cancel(other)]);
  await Promise.all([bench.tasks.wait(id), bench.tasks.wait(other)]);
});

test('a repair that fails tells its caller, and the planned attempt follows', async () => {
  const id = await beginPaused();
  jobs.onRepair = () => {
    throw new LonghaulError('INVALID_TASK', 'the job definition is gone');
  };
  expect(await refusalOf(repair(id))).toMatchObject({ type: 'INVALID_TASK' });
  await untilStatus(bench, id, (status) => status.message?.startsWith('next attempt') === true);
  jobs.onCreate = succeedJob;
  await bench.tasks.nudge(id);
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', attempt: 2 });
});

describe('a job that somebody repaired by other means', () => {
  /** By the external system's own means. */
  function repairElsewhere(): ScriptedJob {
    const job = jobs.nth();
    runJob(job);
    job.next = { kind: 'poll' };
    return job;
  }

  async function beginInWindow(): Promise<string> {
    jobs.onCreate = (job) => failJob(job, 'ValueError');
    const id = await begin('repairable', { repairWindow: '1h' });
    await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
    return id;
  }

  test('is followed when the pause is over: no further attempt runs beside it', async () => {
    const id = await beginPaused();
    const job = repairElsewhere();
    await bench.tasks.nudge(id);
    await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
    succeedJob(job);
    const { status, result } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
    expect(jobs.jobs.size).toBe(1);
    expect(result?.receipt.attempts).toMatchObject([
      { phase: 'SUCCEEDED', repairedEnds: [{ phase: 'FAILED', message: 'no quota.' }] },
    ]);
  });

  test('is followed when the repair window is over: what was mended does not end as failed', async () => {
    const id = await beginInWindow();
    succeedJob(jobs.nth());
    await bench.tasks.nudge(id);
    expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
  });

  test('and that failed again is judged anew, with a window of its own', async () => {
    const id = await beginInWindow();
    const job = jobs.nth();
    failJob(job, 'KeyError');
    job.meta = { ...job.meta, repair: 1 };
    await bench.tasks.nudge(id);
    await untilStatus(bench, id, ({ message }) => /^failed;.*KeyError/.test(message ?? ''));
    await bench.tasks.nudge(id);
    expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'FAILED', message: 'KeyError' });
    expect(jobs.jobs.size).toBe(1);
  });

  test('is followed after a repair of ours that was refused because of it, and its caller is told', async () => {
    const id = await beginInWindow();
    const job = repairElsewhere();
    jobs.onRepair = () => {
      throw new LonghaulError('JOB_ACTIVE', 'somebody else runs it');
    };
    expect(await refusalOf(repair(id))).toMatchObject({ type: 'JOB_ACTIVE' });
    await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
    succeedJob(job);
    expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
    expect(job.cancels).toBe(0);
  });

  test('is followed where a repair by policy found it running', async () => {
    jobs.onCreate = (job) => failJob(job, 'one task failed.', { decision: REPAIR });
    jobs.onRepair = () => {
      repairElsewhere();
      throw new LonghaulError('JOB_ACTIVE', 'somebody else runs it');
    };
    const id = await begin();
    await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
    succeedJob(jobs.nth());
    expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
  });

  test('is canceled with its task', async () => {
    const id = await beginPaused();
    const job = repairElsewhere();
    await bench.tasks.nudge(id);
    await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
    await bench.tasks.cancel(id);
    expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
    expect(job.cancels).toBe(1);
  });

  test.each(['a pause', 'a repair window'])('is stopped by a cancel that comes in %s', async (where) => {
    const id = await (where === 'a pause' ? beginPaused() : beginInWindow());
    const job = repairElsewhere();
    await bench.tasks.cancel(id);
    expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
    expect(job).toMatchObject({ cancels: 1, next: { kind: 'done' } });
  });

  test('is taken to be as it was while it is out of reach: the planned attempt follows', async () => {
    const id = await beginPaused();
    jobs.beforeGet = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'no answer'));
    jobs.onCreate = succeedJob;
    await bench.tasks.nudge(id);
    expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', attempt: 2 });
  });
});

test('a cancel during a repair answers its caller and stops the job', async () => {
  const id = await beginPaused();
  let calls = 0;
  jobs.onRepair = () => {
    calls += 1;
    throw new LonghaulError('UNAVAILABLE', 'no answer', { retryAfterMs: 60_000 });
  };
  const refused = refusalOf(repair(id));
  await untilStatus(bench, id, () => calls > 0);
  await bench.tasks.cancel(id);
  expect(await refused).toMatchObject({ type: 'ALREADY_ENDED' });
  const { status } = await bench.tasks.wait(id);
  expect(status.state).toBe('CANCELED');
  expect(jobs.nth().cancels).toBe(1);
});

test('a repaired job may continue as new and still be followed', async () => {
  const request = bench.request('repairable', {});
  const id = await bench.startWith(request, { continueAfterEvents: 5 });
  await untilStatus(bench, id, (status) => status.message?.startsWith('next attempt') === true);
  await repair(id);
  jobs.onGet = succeedJob;
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
  expect(result?.receipt.attempts).toMatchObject([{ repairs: 1 }]);
});

test('a repair that the connector advises happens by itself, as often as attempts are allowed', async () => {
  jobs.onCreate = (job) => failJob(job, 'one task failed.', { decision: REPAIR });
  jobs.onRepair = (job) => failJob(job, 'one task failed again.', { decision: REPAIR });
  const { status, result } = await bench.tasks.wait(await begin('repairable', { maxAttempts: 3 }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', message: 'one task failed again.' });
  expect(jobs.jobs.size).toBe(1);
  expect(result?.receipt.attempts).toMatchObject([
    { repairs: 2, decision: 'fail: one task of many; attempt 3 of 3 was the last' },
  ]);
});

test('an advised repair that is not possible fails with the failure of the job first', async () => {
  jobs.onCreate = (job) => failJob(job, 'one task failed.', { decision: REPAIR });
  jobs.onRepair = () => {
    throw new LonghaulError('PERMISSION_DENIED', 'not yours');
  };
  const { status } = await bench.tasks.wait(await begin());
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED' });
  expect(status.message).toMatch(/^one task failed\. The repair failed: PERMISSION_DENIED: not yours\./);
});

test('an advised repair of a task without the capability becomes another attempt and says why', async () => {
  plain.onCreate = (job) => failJob(job, 'one task failed.', { decision: REPAIR });
  const { status, result } = await bench.tasks.wait(await begin('plain', { maxAttempts: 2 }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED', attempt: 2 });
  expect(result?.receipt.attempts[0]?.decision).toContain('no repair is offered to this task');
});

test('a failed task with a repair window waits for a repair, and goes on when one comes', async () => {
  jobs.onCreate = (job) => failJob(job, 'ValueError');
  const id = await begin('repairable', { repairWindow: '1h' });
  const shown = await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  expect(shown).toMatchObject({ state: 'OPEN', phase: 'FAILED', code: 'JOB_FAILED' });
  expect(shown.message).toMatch(/^failed; waiting for a repair until .*: ValueError$/);
  await repair(id);
  jobs.onGet = succeedJob;
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
});

test.each(['1s', '1h'])(
  'a repair window of %s that nobody uses ends as the failure',
  async (repairWindow) => {
    jobs.onCreate = (job) => failJob(job, 'ValueError');
    const id = await begin('repairable', { repairWindow });
    if (repairWindow === '1h') {
      await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
      await bench.tasks.nudge(id);
    }
    expect((await bench.tasks.wait(id)).status).toMatchObject({
      state: 'FAILED',
      code: 'JOB_FAILED',
      message: 'ValueError',
    });
    expect(jobs.jobs.size).toBe(1);
  },
);

test('a failed task that waits for a repair is still closed by a cancel', async () => {
  jobs.onCreate = (job) => failJob(job, 'ValueError');
  const id = await begin('repairable', { repairWindow: '1h' });
  await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  await bench.tasks.cancel(id);
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
});

test('in a repair window a repair that fails leaves the rest of the window, and never another attempt', async () => {
  jobs.onCreate = (job) => failJob(job, 'ValueError');
  jobs.onRepair = () => {
    throw new LonghaulError('INVALID_TASK', 'no such task');
  };
  const id = await begin('repairable', { repairWindow: '1h' });
  await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  expect(await refusalOf(repair(id))).toMatchObject({ type: 'INVALID_TASK' });
  await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  await bench.tasks.nudge(id);
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'FAILED', message: 'ValueError' });
  expect(jobs.jobs.size).toBe(1);
});

test('a task that is opened again goes on with the spec of its last attempt, under the next token', async () => {
  const onDemand: AttemptDecision = { action: 'resubmit', patch: { spot: false }, reason: 'no spot' };
  const retry: AttemptDecision = { action: 'retry', reason: 'platform' };
  const decisions: (AttemptDecision | undefined)[] = [onDemand, undefined];
  jobs.onCreate = (job) => {
    if (jobs.jobs.size > decisions.length) {
      succeedJob(job);
      return;
    }
    const decision = decisions[jobs.jobs.size - 1];
    failJob(job, 'ended.', decision === undefined ? {} : { decision });
  };
  const { id } = await bench.tasks.start(bench.request('repairable', { spot: true }, { maxAttempts: 4 }));
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'FAILED', attempt: 2 });
  jobs.onRepair = (job) => failJob(job, 'ended again.', { decision: retry });
  await bench.tasks.repair(id);
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', attempt: 3 });
  const all = [...jobs.jobs.values()];
  expect(all.map(({ custom }) => custom['spot'])).toEqual([true, false, false]);
  const base = all[0]?.token.slice(0, -2);
  expect(all.map(({ token }) => token)).toEqual([1, 2, 3].map((attempt) => `${base ?? ''}-${attempt}`));
});

test('quotas are waited for beyond the last attempt, and the connector is told how often', async () => {
  const told: (number | undefined)[] = [];
  const soon = { action: 'retryAfter', delayMs: 1, reason: 'quota' } as const;
  jobs.beforeCreate = (_request, call) => {
    told.push(call.quotaWaits);
    return Promise.resolve();
  };
  jobs.onCreate = (job) => {
    if (told.length < 4) failJob(job, 'no quota.', { cause: 'quota', decision: soon });
    else succeedJob(job);
  };
  const { status, result } = await bench.tasks.wait(await begin('repairable', { maxAttempts: 1 }));
  jobs.beforeCreate = () => Promise.resolve();
  expect(status).toMatchObject({ state: 'COMPLETED', attempt: 4 });
  expect(told).toEqual([undefined, 1, 2, 3]);
  expect(result?.receipt.attempts.map((row) => row.waitsForQuota)).toEqual([true, true, true, undefined]);
});

const refuse = (code: ErrorCode) => (): Promise<never> =>
  Promise.reject(new LonghaulError(code, 'the token has expired'));

test('refused repairs stop nothing and spend no try: the one that is taken has all of them left', async () => {
  jobs.onCreate = (job) => failJob(job, 'ValueError');
  const id = await begin('repairable', { repairWindow: '1h', maxAttempts: 2 });
  await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  jobs.beforeRepair = refuse('UNAUTHENTICATED');
  for (const turn of [1, 2, 3]) {
    expect([turn, await refusalOf(repair(id))]).toMatchObject([turn, { type: 'UNAUTHENTICATED' }]);
    await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  }
  jobs.beforeRepair = () => Promise.resolve();
  const retry: AttemptDecision = { action: 'retry', reason: 'platform' };
  jobs.onRepair = (job) => failJob(job, 'spot lost', { decision: retry });
  await repair(id);
  await untilStatus(bench, id, ({ message }) => message?.includes('spot lost') === true);
  await bench.tasks.nudge(id);
  const { result } = await bench.tasks.wait(id);
  const [attempt] = result?.receipt.attempts ?? [];
  expect(attempt).toMatchObject({ repairs: 1 });
  expect(attempt?.repairedEnds).toHaveLength(1);
  expect(jobs.nth().cancels).toBe(0);
  expect(attempt?.decision).toContain('attempt 2 of 2 was the last');
});

test('an advised repair that never began leaves the failed task open for one, as its repair window says', async () => {
  jobs.onCreate = (job) => failJob(job, 'one task failed.', { decision: REPAIR });
  jobs.beforeRepair = refuse('SECRET_UNAVAILABLE');
  const id = await begin('repairable', { repairWindow: '1h' });
  const shown = await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  expect(shown.message).toContain('one task failed. The repair failed: SECRET_UNAVAILABLE');
  expect(jobs.nth().cancels).toBe(0);
  jobs.beforeRepair = () => Promise.resolve();
  await repair(id);
  jobs.onGet = succeedJob;
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
});

test('an advised repair that may have begun is stopped first, then its window opens', async () => {
  jobs.onCreate = (job) => failJob(job, 'one task failed.', { decision: REPAIR });
  jobs.onRepair = (job) => {
    runJob(job);
    job.next = { kind: 'poll' };
    throw new TypeError('no such answer');
  };
  const id = await begin('repairable', { repairWindow: '1h' });
  await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  expect(jobs.nth()).toMatchObject({ cancels: 1, next: { kind: 'done' } });
  await bench.tasks.nudge(id);
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'JOB_FAILED' });
  expect(result?.receipt.attempts).toMatchObject([{ repairs: 1, decision: 'fail: the repair failed' }]);
});

test('a repair that our own budget holds back until a deadline begins nothing, then or later', async () => {
  jobs.onCreate = (job) => failJob(job, 'one task failed.', { decision: REPAIR });
  const heldBack = new LonghaulError('RATE_LIMITED', 'no room', { retryAfterMs: 1_000, isHeldBack: true });
  jobs.beforeRepair = () => Promise.reject(heldBack);
  const { status, result } = await bench.tasks.wait(await begin('repairable', { overallTimeout: '4s' }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'DEADLINE_OVERALL' });
  expect(result?.receipt.attempts[0]).not.toHaveProperty('repairs');
  expect(jobs.nth().cancels).toBe(0);
});

test('a job that its task left to itself is still known to run when a repair of the task does not begin', async () => {
  jobs.onCreate = runJob;
  jobs.beforeGet = refuse('UNAVAILABLE');
  const id = await begin('repairable', { onUnreachable: 'fail', unreachableBudget: '1s' });
  expect((await bench.tasks.wait(id)).status).toMatchObject({ state: 'FAILED', code: 'UNAVAILABLE' });
  jobs.beforeRepair = refuse('UNAUTHENTICATED');
  await bench.tasks.repair(id);
  expect((await bench.tasks.wait(id)).status).toMatchObject({
    ...{ state: 'FAILED', code: 'UNAVAILABLE' },
    message: expect.stringMatching(/out of reach since .* A repair was refused: UNAUTHENTICATED: /),
  });
  const { events } = await bench.handle(id).fetchHistory();
  expect(rememberTask(events ?? [])?.state).toMatchObject({ mayBeRunning: true });
  expect(jobs.nth().cancels).toBe(0);
});

/** A client that does something else after its first look at a task, before it goes on. */
function clientThat(afterFirstLook: () => Promise<unknown>): TaskClient {
  const { environment, registry, workflowTaskQueue } = bench;
  const { client } = environment;
  const service = client.workflowService;
  let isFirst = true;
  const describe = async (request: object): Promise<unknown> => {
    const description: unknown = await service.describeWorkflowExecution(request);
    if (isFirst) {
      isFirst = false;
      await afterFirstLook();
    }
    return description;
  };
  const hooked = Object.create(service, { describeWorkflowExecution: { value: describe } }) as object;
  const held = Object.create(client, { workflowService: { value: hooked } }) as typeof client;
  const options = {
    namespace: 'default',
    registry,
    workflowTaskQueue,
    secretsAllow: [],
    searchAttributes: true,
  };
  return new TaskClient({ ...options, client: held });
}

test.each([
  ['goes on', () => undefined, 'OPEN'],
  ['has ended again', succeedJob, 'COMPLETED'],
] as const)(
  'whoever repairs an ended task that somebody else has just repaired is refused: it %s',
  async (...row) => {
    const [, onGet, state] = row;
    jobs.onCreate = (job) => failJob(job, 'ValueError');
    const id = await begin();
    await bench.tasks.wait(id);
    jobs.onGet = onGet;
    const second = clientThat(async () => {
      await bench.tasks.repair(id);
      if (state === 'COMPLETED') await bench.tasks.wait(id);
    });
    await expect(second.repair(id)).rejects.toMatchObject({ code: 'JOB_ACTIVE' });
    expect(await bench.tasks.get(id)).toMatchObject({ state });
    jobs.onGet = succeedJob;
    const { result } = await bench.tasks.wait(id);
    expect(result?.receipt.attempts).toMatchObject([{ repairs: 1, phase: 'SUCCEEDED' }]);
  },
);
