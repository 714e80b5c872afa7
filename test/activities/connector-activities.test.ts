import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

import { createConnectorActivities } from '../../activities';
import {
  ConnectorRegistry,
  DEFAULT_POLICY,
  LonghaulError,
  type ErrorCode,
  type GetInput,
} from '../../src/connector';
import { createSecretPort } from '../../src/worker';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';

const CATEGORY = { name: 'unit', version: 0 };
const META = { version: 1, jobId: 'job-1' };

function open(offers: ConstructorParameters<typeof ScriptedConnector>[2] = {}, troubleShownAfterMs = 60_000) {
  const jobs = new ScriptedConnector('unit', 'unit', offers);
  const env = { LONGHAUL_SECRET_X: 'canary-4711' };
  const secrets = createSecretPort({ env, allowed: ['env:LONGHAUL_SECRET_*'], operatorSecrets: [] });
  const registry = new ConnectorRegistry().register(jobs);
  return {
    jobs,
    activities: createConnectorActivities({ registry, secrets, random: () => 0.5, troubleShownAfterMs }),
  };
}

function run<A, R>(activity: (input: A) => Promise<R>, input: A, saved?: unknown): Promise<R> {
  return runTry(activity, input, { saved });
}

interface Try {
  /** What the tries before have kept. */
  readonly saved?: unknown;
  readonly attempt?: number;
  readonly onHeartbeat?: (details: unknown) => void;
}

function runTry<A, R>(
  activity: (input: A) => Promise<R>,
  input: A,
  { saved: heartbeatDetails, attempt = 1, onHeartbeat = () => undefined }: Try,
): Promise<R> {
  const environment = new MockActivityEnvironment(
    { heartbeatDetails, attempt, currentAttemptScheduledTimestampMs: Date.now() },
    { logger: new DefaultLogger('ERROR') },
  );
  environment.on('heartbeat', onHeartbeat);
  return environment.run<[A], R, (input: A) => Promise<R>>(activity, input);
}

const REQUEST = {
  template: { type: 'unit', version: 0, custom: {} },
  idempotencyToken: 'lh-token-1',
};
const CREATE = { taskCategory: CATEGORY, request: REQUEST };

function lookAt(phase: GetInput['seen']['phase'], more: Partial<GetInput> = {}): GetInput {
  return {
    taskCategory: CATEGORY,
    meta: META,
    seen: { phase, linkUris: [], meta: META },
    submittedAt: Date.now(),
    policy: DEFAULT_POLICY,
    externalId: 'job-1',
    ...more,
  };
}

test('create counts what it sent and names the job', async () => {
  const { activities } = open();
  await expect(run(activities.create, CREATE)).resolves.toMatchObject({ posts: 1, externalId: 'job-1' });
});

test('an unknown task type is refused by name', async () => {
  const { activities } = open();
  const input = { ...CREATE, taskCategory: { name: 'nobody', version: 0 } };
  await expect(run(activities.create, input)).rejects.toMatchObject({ type: 'UNKNOWN_TASK_TYPE' });
});

test.each([
  ['token', 'UNAVAILABLE', false],
  ['none', 'OUTCOME_UNKNOWN', true],
] as const)('a lost reply under fence %s is %s (final: %s)', async (fence, type, nonRetryable) => {
  const { activities, jobs } = open({ fence });
  jobs.afterCreate = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'reset'));
  await expect(run(activities.create, CREATE)).rejects.toMatchObject({ type, nonRetryable });
});

test('a defect after the request was sent is an unknown outcome without a fence', async () => {
  const { activities, jobs } = open({ fence: 'none' });
  jobs.afterCreate = () => Promise.reject(new TypeError('undefined is not a function'));
  await expect(run(activities.create, CREATE)).rejects.toMatchObject({ type: 'OUTCOME_UNKNOWN' });
});

test('without a fence a try after an unanswered one sends nothing', async () => {
  const { activities, jobs } = open({ fence: 'none' });
  await expect(run(activities.create, CREATE, { posts: 1 })).rejects.toMatchObject({
    type: 'OUTCOME_UNKNOWN',
  });
  expect(jobs.jobs.size).toBe(0);
});

test('a refusal after an unanswered request is asked again while the job may exist', async () => {
  const { activities, jobs } = open();
  jobs.beforeCreate = () => Promise.reject(new LonghaulError('UNAUTHENTICATED', 'expired'));
  await expect(run(activities.create, CREATE)).rejects.toMatchObject({ nonRetryable: true });
  await expect(run(activities.create, CREATE, { posts: 2 })).rejects.toMatchObject({ nonRetryable: false });
});

test('a refusal after a lost try is asked again: what that sent in its last moments may be on no record', async () => {
  const { activities, jobs } = open();
  jobs.beforeCreate = () => Promise.reject(new LonghaulError('UNAUTHENTICATED', 'expired'));
  const inOrder = runTry(activities.create, CREATE, { saved: { endedTry: 1 }, attempt: 2 });
  await expect(inOrder).rejects.toMatchObject({ nonRetryable: true });
  const afterLost = runTry(activities.create, CREATE, { attempt: 2 });
  await expect(afterLost).rejects.toMatchObject({ type: 'UNAUTHENTICATED', nonRetryable: false });
  jobs.beforeCreate = () => Promise.resolve();
  jobs.afterCreate = () => Promise.reject(new LonghaulError('INVALID_TASK', 'no such notebook'));
  const answered = runTry(activities.create, CREATE, { attempt: 2 });
  await expect(answered).rejects.toMatchObject({ type: 'INVALID_TASK', nonRetryable: true });
});

test('a secret that a task may not name is refused again by the activity', async () => {
  const { activities } = open();
  const custom = { password: { $secret: 'env:HOME' } };
  const input = { ...CREATE, request: { ...REQUEST, template: { ...REQUEST.template, custom } } };
  await expect(run(activities.create, input)).rejects.toMatchObject({ type: 'PERMISSION_DENIED' });
});

test('secret values are redacted from what comes back, errors included', async () => {
  const { activities, jobs } = open();
  jobs.onCreate = (job) => runJob(job, 'the password is canary-4711');
  const created = await run(activities.create, CREATE);
  expect(JSON.stringify(created)).not.toContain('canary-4711');
  jobs.beforeCreate = () => Promise.reject(new LonghaulError('INVALID_TASK', 'bad: canary-4711'));
  const failure = await run(activities.create, CREATE).catch((error: unknown) => error);
  expect(String(failure)).not.toContain('canary-4711');
});

test('get returns on a changed phase and else fails benignly with a snapshot', async () => {
  const { activities, jobs } = open();
  await run(activities.create, CREATE);
  await expect(run(activities.get, lookAt('RUNNING'))).resolves.toMatchObject({ kind: 'changed' });
  jobs.nth().resource = { phase: 'QUEUED', message: 'third in line' };
  await expect(run(activities.get, lookAt('QUEUED'))).rejects.toMatchObject({
    type: 'NotChanged',
    details: [{ phase: 'QUEUED', message: 'third in line' }],
  });
});

test('a look that our own budget holds back comes later, without trouble, whatever the policy says of outages', async () => {
  const { activities, jobs } = open({}, 0);
  await run(activities.create, CREATE);
  const heldBack = new LonghaulError('RATE_LIMITED', 'no room', { retryAfterMs: 42_000, isHeldBack: true });
  jobs.beforeGet = () => Promise.reject(heldBack);
  const policy = { ...DEFAULT_POLICY, onUnreachable: 'fail', unreachableBudgetMs: 0 } as const;
  const thrown = run(activities.get, lookAt('RUNNING', { policy }));
  await expect(thrown).rejects.toMatchObject({
    type: 'NotChanged',
    message: expect.stringMatching(/^RUNNING, next check in 4[2-9] s$/) as string,
  });
});

test('a job that is gone is an answer, not trouble', async () => {
  const { activities } = open();
  await expect(run(activities.get, lookAt('RUNNING'))).resolves.toMatchObject({
    kind: 'changed',
    observation: { next: { kind: 'done', verdict: { kind: 'failed', code: 'RUN_GONE' } } },
  });
});

test.each(['UNAUTHENTICATED', 'CONFIG', 'INTERNAL', 'PERMISSION_DENIED', 'SECRET_UNAVAILABLE'] as const)(
  'a look that ends %s is waited out, and shown once when it lasts',
  async (code) => {
    const { activities, jobs } = open({}, 1_000);
    jobs.beforeGet = () => Promise.reject(new LonghaulError(code, 'no'));
    await expect(run(activities.get, lookAt('RUNNING'))).rejects.toMatchObject({ type: 'NotChanged' });
    const trouble = { code: 'UNAVAILABLE', message: 'no', since: Date.now() - 5_000, failures: 9 } as const;
    const shown = await run(activities.get, lookAt('RUNNING'), { trouble });
    expect(shown).toMatchObject({ kind: 'trouble', trouble: { code, failures: 10 } });
    await expect(run(activities.get, lookAt('RUNNING', { trouble }))).rejects.toMatchObject({
      type: 'NotChanged',
    });
  },
);

test('delete ends for a job that is gone, and goes on for one that cannot be asked', async () => {
  const { activities, jobs } = open();
  const input = { taskCategory: CATEGORY, target: { kind: 'meta', meta: META } } as const;
  jobs.beforeDelete = () => Promise.reject(new LonghaulError('RUN_GONE', 'it no longer exists'));
  await expect(run(activities.delete, input)).resolves.toMatchObject({ kind: 'nothing' });
  jobs.beforeDelete = () => Promise.reject(new LonghaulError('UNAUTHENTICATED', 'expired'));
  await expect(run(activities.delete, input)).rejects.toMatchObject({
    type: 'Stopping',
    nonRetryable: false,
  });
});

test('a long step waits out expired credentials; its own failure is final', async () => {
  const { activities, jobs } = open();
  await run(activities.create, CREATE);
  const input = { taskCategory: CATEGORY, meta: META };
  jobs.onExecute = () => Promise.reject(new LonghaulError('UNAUTHENTICATED', 'expired'));
  await expect(run(activities.execute, input)).rejects.toMatchObject({ nonRetryable: false });
  jobs.onExecute = () => Promise.reject(new LonghaulError('JOB_FAILED', 'exit 1'));
  await expect(run(activities.execute, input)).rejects.toMatchObject({
    type: 'JOB_FAILED',
    nonRetryable: true,
  });
});

test('an operation that a connector lacks is UNSUPPORTED by name', async () => {
  const { activities } = open();
  const input = { taskCategory: CATEGORY, meta: META };
  const failure = await run(activities.getMetrics, input).catch((error: unknown) => error);
  expect(failure).toMatchObject({ type: 'UNSUPPORTED', message: 'Scripted unit does not offer metrics.' });
});

test('repair gives the job as it goes on', async () => {
  const { activities, jobs } = open();
  jobs.onCreate = (job) => failJob(job, 'spot lost');
  await run(activities.create, CREATE);
  jobs.onRepair = succeedJob;
  const input = {
    taskCategory: CATEGORY,
    meta: META,
    request: REQUEST,
    options: { rerunAllFailedTasks: true },
  };
  await expect(run(activities.repair, input)).resolves.toMatchObject({
    observation: { resource: { phase: 'SUCCEEDED' } },
  });
});

const REPAIR = { taskCategory: CATEGORY, meta: META, request: REQUEST, options: {} };

/** An ended job, and a repair that goes as scripted. */
async function openEnded() {
  const opened = open();
  opened.jobs.onCreate = (job) => failJob(job, 'spot lost');
  await run(opened.activities.create, CREATE);
  return opened;
}

const throwing = (code: ErrorCode) => (): never => {
  throw new LonghaulError(code, 'as scripted');
};

test.each<[string, ErrorCode, { readonly before: number; readonly posts: number }]>([
  ['was refused', 'INVALID_TASK', { before: 0, posts: 0 }],
  ['was refused for its credentials', 'UNAUTHENTICATED', { before: 0, posts: 0 }],
  ['was refused after one that went unanswered', 'INVALID_TASK', { before: 1, posts: 1 }],
  ['was not answered', 'UNAVAILABLE', { before: 0, posts: 1 }],
  ['met a defect', 'INTERNAL', { before: 0, posts: 1 }],
])('a repair that %s says how many requests may have begun one', async (_what, code, { before, posts }) => {
  const { activities, jobs } = await openEnded();
  jobs.onRepair = throwing(code);
  const failed = run(activities.repair, REPAIR, { posts: before });
  await expect(failed).rejects.toMatchObject({ type: code, details: [{ posts }] });
});

test('a repair that fails before anything is sent says so; not where a lost try may have sent something', async () => {
  const { activities, jobs } = await openEnded();
  jobs.beforeRepair = () => Promise.reject(new LonghaulError('SECRET_UNAVAILABLE', 'no such secret'));
  const counted = { details: [{ posts: 0 }] };
  await expect(run(activities.repair, REPAIR)).rejects.toMatchObject(counted);
  const second = runTry(activities.repair, REPAIR, { saved: { endedTry: 1 }, attempt: 2 });
  await expect(second).rejects.toMatchObject(counted);
  const afterLost = runTry(activities.repair, REPAIR, { attempt: 2 });
  await expect(afterLost).rejects.toMatchObject({ details: [{ code: 'SECRET_UNAVAILABLE' }] });
  await expect(afterLost).rejects.not.toMatchObject({ details: [{ posts: 0 }] });
});

test('a refused repair after a lost try, which may have begun one, is not called never begun', async () => {
  const { activities, jobs } = await openEnded();
  jobs.onRepair = throwing('INVALID_TASK');
  const afterLost = runTry(activities.repair, REPAIR, { attempt: 2 });
  await expect(afterLost).rejects.toMatchObject({ type: 'INVALID_TASK', details: [{ posts: 1 }] });
});

test.each<[ErrorCode, boolean]>([
  ['UNAUTHENTICATED', false],
  ['JOB_ACTIVE', false],
  ['RUN_GONE', true],
])('a look for an unanswered repair that ends %s is final: %s', async (code, nonRetryable) => {
  const { activities, jobs } = await openEnded();
  jobs.beforeRepair = () => Promise.reject(new LonghaulError(code, 'as scripted'));
  await expect(run(activities.repair, REPAIR)).rejects.toMatchObject({ nonRetryable: true });
  const unanswered = run(activities.repair, REPAIR, { posts: 1 });
  await expect(unanswered).rejects.toMatchObject({ type: code, nonRetryable, details: [{ posts: 1 }] });
});

describe('a submit that a quota refuses', () => {
  const quota = new LonghaulError('RATE_LIMITED', 'no room for more runs.', { isQuota: true });
  const input = { ...CREATE, quotaBudgetMs: 10_000 };

  function openRefused(error = quota) {
    const opened = open();
    opened.jobs.afterCreate = () => Promise.reject(error);
    return opened;
  }

  test('is tried again while the budget lasts, and remembers since when it waits', async () => {
    const { activities } = openRefused();
    const saved: unknown[] = [];
    const first = runTry(activities.create, input, { onHeartbeat: (details) => saved.push(details) });
    await expect(first).rejects.toMatchObject({ type: 'RATE_LIMITED', nonRetryable: false });
    expect(saved.at(-1)).toMatchObject({ posts: 1, refused: 1, endedTry: 1, quotaSince: expect.any(Number) });
  });

  test.each([
    ['of this attempt', {}, { posts: 1, refused: 1, quotaSince: Date.now() - 60_000 }],
    ['of attempts before it', { quotaSince: Date.now() - 60_000 }, undefined],
  ])('ends when refusals %s have lasted for all of it', async (_what, more, saved) => {
    const { activities } = openRefused();
    await expect(run(activities.create, { ...input, ...more }, saved)).rejects.toMatchObject({
      type: 'RATE_LIMITED',
      nonRetryable: true,
      message: expect.stringMatching(/^no room for more runs\. It did not ease in \d+ s/) as string,
    });
  });

  const refusedOnce = { posts: 1, refused: 1, quotaSince: 1 };

  test.each<[string, { given: object; error?: LonghaulError; saved: object }]>([
    ['one request went unanswered', { given: input, saved: { posts: 1, quotaSince: 1 } }],
    ['it has no budget', { given: CREATE, saved: refusedOnce }],
    [
      'it is only asked to slow down',
      { given: input, error: new LonghaulError('RATE_LIMITED', 'slower'), saved: refusedOnce },
    ],
  ])('is tried on where %s', async (_what, { given, error, saved }) => {
    const { activities } = openRefused(error);
    const late = run(activities.create, { ...CREATE, ...given }, saved);
    await expect(late).rejects.toMatchObject({ type: 'RATE_LIMITED', nonRetryable: false });
  });

  test('is tried on where a try was lost, which may have sent one more', async () => {
    const { activities } = openRefused();
    const late = runTry(activities.create, input, { saved: refusedOnce, attempt: 3 });
    await expect(late).rejects.toMatchObject({ type: 'RATE_LIMITED', nonRetryable: false });
  });
});
