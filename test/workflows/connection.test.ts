import { randomBytes, randomUUID } from 'node:crypto';

import { createSealing } from '../../src/config/sealing';
import { LonghaulError, type CallContext, type Connection } from '../../src/connector';
import type { NamedRequest } from '../../src/client';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openRunningBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';

const sealing = createSealing([{ id: 'k1', key: randomBytes(32) }]);
const NAME = 'databricks_token';

let bench: TaskBench;
const jobs = new ScriptedConnector('connected', `connected-${randomUUID()}`);
/** What the connector was given, in the order of its calls; the external system takes only `accepted`. */
let given: (string | undefined)[];
let accepted: string | undefined;

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs], sealing, troubleShownAfterMs: 500 });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  given = [];
  accepted = undefined;
  jobs.onCreate = runJob;
  jobs.beforeCreate = (_request, call) => signIn(call);
  jobs.beforeGet = (_meta, call) => signIn(call);
  jobs.beforeDelete = (_target, call) => signIn(call);
  jobs.beforeLogs = signIn;
});

async function signIn(call: CallContext): Promise<void> {
  const value = await call.connectionSecret(NAME);
  given.push(value);
  if (accepted === undefined || value === accepted) return;
  throw new LonghaulError('UNAUTHENTICATED', `${value ?? 'nobody'} is not known here`);
}

function connectionOf(value: string, sealedFor: string, more: Record<string, string> = {}): Connection {
  const values = { [NAME]: value, ...more };
  const sealed = Object.entries(values).map(([name, text]) => [name, sealing.seal(text, sealedFor)] as const);
  const digest = sealing.digest(values);
  return { secrets: Object.fromEntries(sealed), sealedFor, digest, sealedAt: Date.now() };
}

function requestWith(value: string, policy = {}): NamedRequest {
  const id = `connected-${randomUUID()}`;
  return { ...bench.request('connected', {}, policy), id, connection: connectionOf(value, id) };
}

/** Looks come a minute apart: what comes sooner was caused. */
const SLOW = { pollMin: '60s', pollMax: '60s' } as const;

async function beginRunning(value: string, policy = {}): Promise<string> {
  const request = requestWith(value, policy);
  await bench.tasks.ensure(request);
  await untilStatus(bench, request.id, ({ phase }) => phase === 'RUNNING');
  return request.id;
}

const renew = (id: string, value: string): Promise<void> =>
  bench.tasks.renewConnection(id, connectionOf(value, id));

async function finish(id: string): Promise<void> {
  succeedJob(jobs.nth());
  await bench.tasks.nudge(id);
  expect((await bench.tasks.wait(id)).status.state).toBe('COMPLETED');
}

/** `temporal.api.enums.v1.EventType`. */
const EVENTS = { signaled: '26', activityScheduled: '10', memo: '47' } as const;

test('each call of the connector is given what came with the task, opened; history and memo hold no value', async () => {
  const id = await beginRunning('token-canary-1');
  await waitUntil('a look', () => (given.length > 1 ? true : undefined));
  const { raw } = await bench.handle(id).describe();
  const history = await bench.handle(id).fetchHistory();
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
  expect(new Set(given)).toEqual(new Set(['token-canary-1']));
  for (const kept of [raw, history]) expect(plainText(kept)).not.toContain('token-canary-1');
  expect(await bench.tasks.look(id)).toMatchObject({ connection: { sealedFor: id } });
});

/** With payloads as they are at rest: their bytes as text. */
function plainText(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item instanceof Uint8Array || isBufferJson(item) ? Buffer.from(bytesOf(item)).toString('utf8') : item,
  );
}

function isBufferJson(item: unknown): item is { readonly data: number[] } {
  return (
    typeof item === 'object' && item !== null && 'type' in item && item.type === 'Buffer' && 'data' in item
  );
}

function bytesOf(item: Uint8Array | { readonly data: number[] }): Uint8Array {
  return item instanceof Uint8Array ? item : Uint8Array.from(item.data);
}

test('a name that did not come with the task is nothing, and so is any without a connection', async () => {
  jobs.beforeGet = async (_meta, call) => {
    given.push(await call.connectionSecret('other'));
  };
  const id = await beginRunning('first', SLOW);
  const { connection: _connection, ...bare } = requestWith('none');
  await bench.tasks.ensure(bare);
  await waitUntil('both looks', () => (given.length >= 4 ? true : undefined));
  expect(given.filter((value) => value !== 'first')).toEqual([undefined, undefined, undefined]);
  for (const each of [id, bare.id]) await bench.tasks.cancel(each);
  for (const each of [id, bare.id]) await bench.tasks.wait(each);
});

test('a pending look uses renewed credentials at once, not at the next look', async () => {
  const id = await beginRunning('first', SLOW);
  await waitUntil('the first look', () => (jobs.nth().gets > 0 ? true : undefined));
  await renew(id, 'second');
  await waitUntil('a look with the new ones', () => (given.at(-1) === 'second' ? true : undefined));
  const { connection } = await bench.tasks.look(id);
  expect(connection?.digest).toBe(sealing.digest({ [NAME]: 'second' }));
  await finish(id);
});

test('also a look that keeps its distance from a change a moment ago', async () => {
  const id = await beginRunning('first', SLOW);
  await waitUntil('the first look', () => (jobs.nth().gets > 0 ? true : undefined));
  jobs.nth().meta = { ...jobs.nth().meta, changed: true };
  await bench.tasks.nudge(id);
  await untilStatus(bench, id, ({ meta }) => meta?.['changed'] === true);
  await renew(id, 'second');
  await waitUntil('a look with the new ones', () => (given.at(-1) === 'second' ? true : undefined));
  await finish(id);
});

test('trouble by old credentials is over as soon as new ones come', async () => {
  const id = await beginRunning('first', SLOW);
  await waitUntil('the first look', () => (jobs.nth().gets > 0 ? true : undefined));
  accepted = 'second';
  await bench.tasks.nudge(id);
  const shown = await untilStatus(
    bench,
    id,
    ({ message }) => message?.startsWith('unreachable since') === true,
  );
  expect(shown).toMatchObject({ state: 'OPEN', phase: 'RUNNING', code: 'UNAUTHENTICATED' });
  await renew(id, 'second');
  await untilStatus(bench, id, ({ unreachableSince }) => unreachableSince === undefined);
  await finish(id);
});

test('a stop that fails with the old credentials succeeds right after they are renewed', async () => {
  const id = await beginRunning('first');
  accepted = 'second';
  await bench.tasks.cancel(id, { by: 'ana' });
  await waitUntil('two tries to stop', () =>
    given.filter((value) => value === 'first').length > 3 ? true : undefined,
  );
  await untilStatus(bench, id, ({ message }) => message?.includes('UNAUTHENTICATED') === true);
  expect(jobs.nth().next.kind).toBe('poll');
  await renew(id, 'second');
  const { status } = await bench.tasks.wait(id);
  expect(status).toMatchObject({ state: 'CANCELED', phase: 'ABORTED' });
  expect(status.receipt?.cancel).toMatchObject({ by: 'ana' });
  expect(given.at(-1)).toBe('second');
  expect(jobs.nth().cancels).toBe(1);
});

test('a try to stop that fails just as new credentials come is no end: the task stays open until its job is seen stopped', async () => {
  const id = await beginRunning('first');
  const job = jobs.nth();
  job.cancelIgnored = true;
  let tries = 0;
  jobs.beforeDelete = async () => {
    tries += 1;
    if (tries === 1) await waitUntil('the try to be recalled', () => isRecalled(id));
  };
  await bench.tasks.cancel(id);
  await waitUntil('the first try', () => (tries > 0 ? true : undefined));
  await renew(id, 'second');
  await waitUntil('a second try', () => (tries > 1 ? true : undefined));
  expect((await bench.tasks.look(id)).state).toBe('OPEN');
  job.cancelIgnored = false;
  expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
  expect(job.next.kind).toBe('done');
});

async function isRecalled(id: string): Promise<true | undefined> {
  const { raw } = await bench.handle(id).describe();
  const states = (raw.pendingActivities ?? []).map(({ state }) => Number(state));
  return states.includes(CANCEL_REQUESTED) ? true : undefined;
}

/** `temporal.api.enums.v1.PendingActivityState`. */
const CANCEL_REQUESTED = 3;

test('the same credentials again cost nothing but their signal: no look, no memo', async () => {
  const id = await beginRunning('first', SLOW);
  await waitUntil('the first look', () => (jobs.nth().gets > 0 ? true : undefined));
  const before = await bench.events(id);
  await renew(id, 'first');
  await waitUntil('the signal to be handled', async () => {
    const events = await bench.events(id);
    return events.includes(EVENTS.signaled) && events.at(-1) === WORKFLOW_TASK_COMPLETED ? true : undefined;
  });
  const added = (await bench.events(id)).slice(before.length);
  expect(added).not.toContain(EVENTS.activityScheduled);
  expect(added).not.toContain(EVENTS.memo);
  expect(added).toHaveLength(4);
  expect(jobs.nth().gets).toBe(1);
  await finish(id);
});

const WORKFLOW_TASK_COMPLETED = '7';

test('what is not a connection is no renewal', async () => {
  const id = await beginRunning('first', SLOW);
  for (const said of [[], [null], ['token'], [{ secrets: {} }]]) {
    await bench.handle(id).signal('renewConnection', ...said);
  }
  await finish(id);
  expect(new Set(given)).toEqual(new Set(['first']));
});

test('a renewal leaves the pause before the next attempt as long as it is, and its words in place', async () => {
  const decision = { action: 'retryAfter', delayMs: 3_600_000, reason: 'quota' } as const;
  jobs.onCreate = (job) => failJob(job, 'no quota', { cause: 'quota', decision });
  const request = requestWith('first', { maxAttempts: 2 });
  await bench.tasks.ensure(request);
  const paused = await untilStatus(bench, request.id, isPaused);
  await renew(request.id, 'second');
  const digest = sealing.digest({ [NAME]: 'second' });
  const renewed = await untilStatus(bench, request.id, ({ connection }) => connection?.digest === digest);
  expect(renewed.message).toBe(paused.message);
  jobs.onCreate = runJob;
  await bench.tasks.nudge(request.id);
  await waitUntil('the second job', () => (jobs.jobs.size > 1 ? true : undefined));
  const [submit, lookBeforeNext, next] = given;
  expect({ submit, lookBeforeNext, next }).toEqual({
    submit: 'first',
    lookBeforeNext: 'second',
    next: 'second',
  });
  await bench.tasks.cancel(request.id);
  await bench.tasks.wait(request.id);
});

function isPaused({ message }: { readonly message?: string }): boolean {
  return message?.startsWith('next attempt') === true;
}

test('a renewal leaves a sleep that the connector asked for as long as it is', async () => {
  jobs.onCreate = (job) => {
    runJob(job);
    job.next = { kind: 'sleep', until: Date.now() + 3_600_000 };
  };
  const id = await beginRunning('first');
  await renew(id, 'second');
  const digest = sealing.digest({ [NAME]: 'second' });
  await untilStatus(bench, id, ({ connection }) => connection?.digest === digest);
  expect(jobs.nth().gets).toBe(0);
  jobs.onGet = succeedJob;
  await bench.tasks.nudge(id);
  await bench.tasks.wait(id);
  expect(given).toEqual(['first', 'second']);
});

test('a renewal while a stop is not confirmed leaves what the task says of it', async () => {
  const id = await beginRunning('first');
  jobs.nth().cancelIgnored = true;
  await bench.tasks.cancel(id, { reason: 'enough' });
  await waitUntil('the cancel', () => (jobs.nth().cancels > 0 ? true : undefined));
  await renew(id, 'second');
  await waitUntil('a stop with the new ones', () => (given.at(-1) === 'second' ? true : undefined));
  const { memo } = await bench.handle(id).describe();
  expect(memo?.['task']).toMatchObject({ message: 'Canceling: canceled: enough' });
  jobs.nth().cancelIgnored = false;
  await bench.tasks.wait(id);
});

test('renewed credentials survive continue-as-new', async () => {
  jobs.onGet = (job) => (job.meta = { ...job.meta, gets: job.gets });
  const request = bench.request('connected', {});
  const id = `connected-${randomUUID()}`;
  const connection = connectionOf('first', id);
  await bench.startWith({ ...request, id }, { continueAfterEvents: 12, connection });
  const first = await bench.handle(id).describe();
  await untilStatus(bench, id, ({ phase }) => phase === 'RUNNING');
  await renew(id, 'second');
  await untilStatus(bench, id, ({ runId }) => runId !== first.runId);
  const since = given.length;
  await waitUntil('looks of a later run', () => (given.length > since + 2 ? true : undefined));
  expect(new Set(given.slice(since))).toEqual(new Set(['second']));
  expect((await bench.tasks.look(id)).connection?.digest).toBe(sealing.digest({ [NAME]: 'second' }));
  jobs.onGet = succeedJob;
  expect((await bench.tasks.wait(id)).status.state).toBe('COMPLETED');
});

test('credentials sealed for another task do not open: trouble that says so, and the job goes on', async () => {
  const id = await beginRunning('first');
  await bench.tasks.renewConnection(id, connectionOf('second', 'another task'));
  const shown = await untilStatus(bench, id, ({ code }) => code === 'SECRET_UNAVAILABLE');
  expect(shown).toMatchObject({ state: 'OPEN', phase: 'RUNNING' });
  expect(shown.message).toContain('sealed for another task');
  await renew(id, 'third');
  await untilStatus(bench, id, ({ unreachableSince }) => unreachableSince === undefined);
  await finish(id);
});

test('a task that begins with credentials of another one fails SECRET_UNAVAILABLE and starts nothing', async () => {
  const request = { ...requestWith('first'), connection: connectionOf('first', 'another task') };
  await bench.tasks.ensure(request);
  const { status } = await bench.tasks.wait(request.id);
  expect(status).toMatchObject({ state: 'FAILED', code: 'SECRET_UNAVAILABLE' });
  expect(jobs.jobs.size).toBe(0);
});

describe('credentials too large for the memo', () => {
  const LARGE = { certificate: 'x'.repeat(20_000) };

  test('are used all the same, and the memo stays below 4 KB from the first moment to the last', async () => {
    const { id, connection: _small, ...request } = requestWith('first');
    await bench.tasks.ensure({ ...request, id, connection: connectionOf('first', id, LARGE) });
    await expectSmallMemo(id);
    await untilStatus(bench, id, ({ phase, meta }) => phase === 'RUNNING' && meta !== undefined);
    await expectSmallMemo(id);
    expect((await bench.tasks.look(id)).connection?.digest).toBe(
      sealing.digest({ [NAME]: 'first', ...LARGE }),
    );
    await bench.tasks.cancel(id);
    expect((await bench.tasks.wait(id)).status.state).toBe('CANCELED');
    await expectSmallMemo(id);
    expect(new Set(given)).toEqual(new Set(['first']));
  });

  test('are not replaced by the workspace’s when somebody asks for logs', async () => {
    const { id, connection: _small, ...request } = requestWith('first');
    await bench.tasks.ensure({ ...request, id, connection: connectionOf('first', id, LARGE) });
    await untilStatus(bench, id, ({ phase, meta }) => phase === 'RUNNING' && meta !== undefined);
    await expect(bench.tasks.logs(id)).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
    await bench.tasks.cancel(id);
    await bench.tasks.wait(id);
  });

  async function expectSmallMemo(id: string): Promise<void> {
    const { raw } = await bench.handle(id).describe();
    const fields = Object.values(raw.workflowExecutionInfo?.memo?.fields ?? {});
    const bytes = fields.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
    expect(bytes).toBeLessThan(4_096);
  }
});

test('logs of a task are asked for with its own credentials', async () => {
  const id = await beginRunning('first');
  await renew(id, 'second');
  const digest = sealing.digest({ [NAME]: 'second' });
  await untilStatus(bench, id, ({ connection }) => connection?.digest === digest);
  given = [];
  await bench.tasks.logs(id);
  expect(given).toContain('second');
  await finish(id);
});
