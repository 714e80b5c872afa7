import type { AttemptDecision, Observation, TaskPolicy } from '../../src/connector';
import { waitsForQuota } from '../../workflows/quota';
import { applyPatch, carry, toCreateRequest, type TaskState } from '../../workflows/task-input';
import {
  applyDecision,
  beginAttempt,
  beginRepair,
  boundDecision,
  isConsistent,
  noteAttempt,
  noteJob,
  openState,
  planNextAttempt,
  undoRepair,
  type FailedVerdict,
} from '../../workflows/task-state';
import { failed, failure, INPUT, seen, submitted, waiting } from './builders';

const RETRY: AttemptDecision = { action: 'retry', reason: 'spot' };
const REPAIR: AttemptDecision = { action: 'repair', reason: 'one task of many' };

function verdict(decision: AttemptDecision, more: Partial<FailedVerdict> = {}): FailedVerdict {
  return { kind: 'failed', code: 'JOB_FAILED', cause: 'platform', decision, ...more };
}

function bounds(policy: Partial<TaskPolicy>, repair = true) {
  return { policy: { ...INPUT.policy, ...policy }, routing: { ...INPUT.routing, repair } };
}

test('each attempt has a token of its own, the same for every try', () => {
  const first = submitted();
  const second = beginAttempt(failed(first, RETRY, 5), 10);
  expect(first.attempts[0]?.token).toBe('lh-run-id-1');
  expect(toCreateRequest(INPUT, first).idempotencyToken).toBe('lh-run-id-1');
  expect(second.attempts.map((row) => row.token)).toEqual(['lh-run-id-1', 'lh-run-id-2']);
});

test('a new attempt forgets the job of the one before', () => {
  const second = beginAttempt(planNextAttempt(failed(submitted(), RETRY, 5), RETRY, 5), 10);
  expect(second).toMatchObject({ attempt: 2, mayBeRunning: false, resource: { phase: 'QUEUED' } });
  expect(second).not.toHaveProperty('meta');
  expect(second).not.toHaveProperty('next');
  expect(second).not.toHaveProperty('resumeAt');
});

test('a job may be running until it is seen terminal', () => {
  const running = seen(submitted(), 'RUNNING', 3);
  expect(running).toMatchObject({ mayBeRunning: true, attempts: [{ runningAt: 3, phase: 'RUNNING' }] });
  expect(failed(running, RETRY, 9)).toMatchObject({ mayBeRunning: false, attempts: [{ endedAt: 9 }] });
});

test('trouble is over with the first look that succeeds', () => {
  const trouble = { code: 'UNAVAILABLE', message: 'no', since: 1, failures: 2 } as const;
  expect(seen({ ...submitted(), trouble }, 'RUNNING', 3)).not.toHaveProperty('trouble');
});

test('an inconsistent observation still tells which job there is to stop', () => {
  const state = noteJob(submitted(), { observation: waiting('SUCCEEDED'), externalId: 'job-1' });
  expect(state).toMatchObject({
    meta: { jobId: 'job-1' },
    mayBeRunning: true,
    attempts: [{ externalId: 'job-1' }],
  });
});

test.each<[string, Observation, boolean]>([
  ['a waiting job in a terminal phase', waiting('SUCCEEDED'), false],
  ['a waiting job that waits', waiting('RUNNING'), true],
  ['a failure in a terminal phase', failure(RETRY), true],
  ['a failure in phase SUCCEEDED', { ...failure(RETRY), resource: { phase: 'SUCCEEDED' } }, false],
  ['a failure in phase RUNNING', { ...failure(RETRY), resource: { phase: 'RUNNING' } }, false],
  [
    'a success in phase FAILED',
    { ...waiting('FAILED'), next: { kind: 'done', verdict: { kind: 'succeeded' } } },
    false,
  ],
])('%s: consistent %s', (_what, observation, consistent) => {
  expect(isConsistent(observation)).toBe(consistent);
});

test('advice to go on is taken while attempts are left, and named when they are not', () => {
  const state = failed(submitted(), RETRY, 5);
  expect(boundDecision(bounds({ maxAttempts: 2 }), state, verdict(RETRY))).toEqual(RETRY);
  expect(boundDecision(bounds({ maxAttempts: 1 }), state, verdict(RETRY))).toEqual({
    action: 'fail',
    reason: 'spot; attempt 1 of 1 was the last',
  });
});

test('repairs count like attempts', () => {
  const repaired = beginRepair(failed(submitted(), REPAIR, 5), {}, 6);
  expect(boundDecision(bounds({ maxAttempts: 3 }), repaired, verdict(REPAIR))).toEqual(REPAIR);
  expect(repaired.attempts[0]?.repairedEnds).toMatchObject([{ endedAt: 5, phase: 'FAILED' }]);
  const twice = beginRepair(repaired, {}, 7);
  expect(boundDecision(bounds({ maxAttempts: 3 }), twice, verdict(REPAIR)).action).toBe('fail');
  expect(boundDecision(bounds({ maxAttempts: 3 }), twice, verdict(RETRY)).action).toBe('fail');
});

test('a repair that never began leaves the ended job as it was, and spends no try; a cancel meanwhile is kept', () => {
  const waiting = noteAttempt(failed(submitted(), QUOTA, 5), { waitsForQuota: true });
  const begun = { ...beginRepair(waiting, { tasks: ['b'] }, 6), cancel: { requestedAt: 7 } };
  const undone = undoRepair(begun, waiting);
  expect(undone).toEqual({ ...waiting, cancel: { requestedAt: 7 } });
  expect(undone).toMatchObject({ mayBeRunning: false, attempts: [{ endedAt: 5 }] });
  expect(undone.attempts[0]).not.toHaveProperty('repairs');
});

test('a decision is noted with its reason, and a wait for a quota as such', () => {
  const quota = verdict(QUOTA, { cause: 'quota' });
  const ended = failed(submitted(), QUOTA, 5);
  const decided = applyDecision(bounds({}), ended, { verdict: quota, decision: QUOTA, now: 5 });
  expect(decided.attempts).toMatchObject([{ decision: 'retryAfter: quota', waitsForQuota: true }]);
  expect(decided.resumeAt).toBe(55);
});

test('a task that was started before repair was offered runs again from the start', () => {
  expect(boundDecision(bounds({}, false), submitted(), verdict(REPAIR))).toEqual({
    action: 'retry',
    reason: 'one task of many; no repair is offered to this task, so all of it runs again',
  });
});

const QUOTA: AttemptDecision = { action: 'retryAfter', delayMs: 50, reason: 'quota' };

/** Attempts that each ended on a quota, the n-th at n × 100. */
function refused(times: number): TaskState {
  let state = openState(INPUT, 'run-id', 0);
  for (let turn = 1; turn <= times; turn += 1) {
    state = failed(beginAttempt(state, turn * 100 - 1), QUOTA, turn * 100);
    if (turn < times) state = noteAttempt(state, { waitsForQuota: true });
  }
  return state;
}

test('a quota spends time and no attempts, until its budget is spent', () => {
  const quota = verdict(QUOTA, { cause: 'quota' });
  const patient = bounds({ maxAttempts: 2, quotaBudgetMs: 1_000 });
  expect(boundDecision(patient, refused(1), quota)).toEqual(QUOTA);
  expect(boundDecision(patient, refused(10), quota)).toEqual(QUOTA);
  expect(boundDecision(patient, refused(11), quota)).toEqual({
    action: 'fail',
    reason: 'quota; it did not ease in 1 s, which is all of quotaBudget',
  });
  expect(waitsForQuota(refused(11))).toBe(10);
});

test('attempts that ended on a quota do not count against maxAttempts', () => {
  const platform = verdict(RETRY);
  expect(boundDecision(bounds({ maxAttempts: 2 }), refused(5), platform)).toEqual(RETRY);
  expect(boundDecision(bounds({ maxAttempts: 1 }), refused(5), platform).action).toBe('fail');
});

test('another failure in between begins the count of waits anew', () => {
  const other = failed(beginAttempt(refused(3), 400), RETRY, 410);
  expect(waitsForQuota(beginAttempt(other, 420))).toBe(0);
});

test.each([0, undefined])(
  'with a budget of %s a quota spends attempts like anything else',
  (quotaBudgetMs) => {
    const { quotaBudgetMs: _usual, ...policy } = INPUT.policy;
    const budget = quotaBudgetMs === undefined ? {} : { quotaBudgetMs };
    const once = { ...bounds({}), policy: { ...policy, ...budget, maxAttempts: 1 } };
    expect(boundDecision(once, refused(1), verdict(QUOTA, { cause: 'quota' })).action).toBe('fail');
  },
);

test('an unknown outcome is tried again only when the task says so, and only while attempts are left', () => {
  const unknown = verdict({ action: 'fail', reason: 'unknown' }, { code: 'OUTCOME_UNKNOWN' });
  expect(boundDecision(bounds({}), submitted(), unknown).action).toBe('fail');
  expect(boundDecision(bounds({ onUnknown: 'retry' }), submitted(), unknown).action).toBe('retry');
  const last = bounds({ onUnknown: 'retry', maxAttempts: 1 });
  expect(boundDecision(last, submitted(), unknown).action).toBe('fail');
});

test('a job that is gone is submitted again only when the task says so, and only while attempts are left', () => {
  const gone = verdict({ action: 'fail', reason: 'gone' }, { code: 'RUN_GONE' });
  expect(boundDecision(bounds({}), submitted(), gone).action).toBe('fail');
  expect(boundDecision(bounds({ onUnknown: 'retry' }), submitted(), gone).action).toBe('fail');
  expect(boundDecision(bounds({ onGone: 'resubmit' }), submitted(), gone).action).toBe('retry');
  const last = bounds({ onGone: 'resubmit', maxAttempts: 1 });
  expect(boundDecision(last, submitted(), gone).action).toBe('fail');
});

test.each<[string, AttemptDecision, Partial<TaskPolicy>]>([
  ['retry', RETRY, {}],
  ['retryAfter', { action: 'retryAfter', delayMs: 50, reason: 'quota' }, {}],
  ['resubmit', { action: 'resubmit', patch: { spot: false }, reason: 'no spot' }, {}],
  ['repair', REPAIR, {}],
  ['onGone: resubmit', { action: 'fail', reason: 'gone' }, { onGone: 'resubmit' }],
])(
  'a job that somebody else started is never started again, whatever is decided: %s',
  (_what, advice, own) => {
    const adopted = { meta: { version: 1 }, externalId: '4711' };
    const code = own.onGone === undefined ? 'JOB_FAILED' : 'RUN_GONE';
    const decided = boundDecision({ ...bounds(own), adopted }, submitted(), verdict(advice, { code }));
    expect(decided).toMatchObject({
      action: 'fail',
      reason: expect.stringContaining('somebody else started'),
    });
  },
);

test.each<[AttemptDecision, Partial<TaskState>]>([
  [RETRY, { resumeAt: 100 }],
  [{ action: 'retryAfter', delayMs: 50, reason: 'quota' }, { resumeAt: 150 }],
  [
    { action: 'resubmit', patch: { spot: false, tags: { b: 2 } }, reason: 'no spot' },
    { resumeAt: 100, template: { ...INPUT.template, custom: { spot: false, tags: { a: 1, b: 2 } } } },
  ],
])('%j plans the next attempt', (decision, expected) => {
  expect(planNextAttempt(failed(submitted(), decision, 90), decision, 100)).toMatchObject(expected);
});

test('a patch merges objects and replaces all else', () => {
  expect(applyPatch({ a: { b: 1, c: [1] }, d: 1 }, { a: { c: [2] }, d: null, e: 2 })).toEqual({
    a: { b: 1, c: [2] },
    d: null,
    e: 2,
  });
});

test('continuing as new carries the changed template, and carries it once', () => {
  const decision = { action: 'resubmit', patch: { spot: false }, reason: 'no spot' } as const;
  const next = carry(INPUT, planNextAttempt(failed(submitted(), decision, 90), decision, 100));
  expect(next.template.custom).toMatchObject({ spot: false });
  expect(JSON.stringify(next).match(/"spot":/g)).toHaveLength(1);
  expect(next.carried).toMatchObject({ tokenBase: 'run-id', attempt: 1 });
});

test('a task opens queued, with nothing started', () => {
  expect(openState(INPUT, 'run-id', 7)).toMatchObject({ attempt: 0, startedAt: 7, mayBeRunning: false });
});
