import { readFileSync } from 'node:fs';
import { defaultPayloadConverter } from '@temporalio/common';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';

import { DEFAULT_POLICY, type Observation } from '../../src/connector';
import { currentToken, rememberTask, type HistoryEvent } from '../../src/worker/left-task';
import { boundDecision } from '../../workflows/task-state';
import { historyFile } from '../support/record-histories';

/** A task's memory, rebuilt from its history alone. */
const RUN = 'a0000000-0000-4000-8000-446655440000';
const META = { version: 1, jobId: 'job-1' };
const payloads = (value: unknown) => ({ payloads: [defaultPayloadConverter.toPayload(value)] });
const at = (seconds: number) => ({ seconds, nanos: 0 }) as unknown as NonNullable<HistoryEvent['eventTime']>;

const TEMPLATE = { type: 'scripted', version: 0, custom: { a: 1 } };
const INPUT = {
  template: TEMPLATE,
  policy: DEFAULT_POLICY,
  routing: { polls: 'q', control: 'q:control', fence: 'token', repair: true },
  searchAttributes: false,
} as const;

function started(input: object = INPUT): HistoryEvent {
  const attributes = { input: payloads(input), originalExecutionRunId: RUN };
  return event(1, { workflowExecutionStartedEventAttributes: attributes });
}

function event(id: number, attributes: Partial<HistoryEvent>): HistoryEvent {
  return { eventId: id as unknown as NonNullable<HistoryEvent['eventId']>, eventTime: at(id), ...attributes };
}

function scheduled(id: number, name: string, input: object): HistoryEvent {
  return event(id, {
    activityTaskScheduledEventAttributes: { activityType: { name }, input: payloads(input) },
  });
}

function completed(id: number, of: number, result: object): HistoryEvent {
  const scheduledEventId = of as unknown as NonNullable<HistoryEvent['eventId']>;
  return event(id, { activityTaskCompletedEventAttributes: { scheduledEventId, result: payloads(result) } });
}

function failed(id: number, of: number, [type, posts, isFinal]: [string, number?, boolean?]): HistoryEvent {
  const details = payloads(posts === undefined ? { code: type } : { code: type, posts });
  const scheduledEventId = of as unknown as NonNullable<HistoryEvent['eventId']>;
  const failure = { applicationFailureInfo: { type, details, nonRetryable: isFinal === true } };
  return event(id, { activityTaskFailedEventAttributes: { scheduledEventId, failure } });
}

const create = (id: number, attempt = 1): HistoryEvent =>
  scheduled(id, 'create', { request: { template: TEMPLATE, idempotencyToken: `lh-${RUN}-${attempt}` } });

const seen = (next: Observation['next'], phase = 'RUNNING') => ({
  observation: { meta: META, resource: { phase }, next },
  externalId: 'job-1',
  posts: 1,
});

const FAILED: Observation['next'] = {
  kind: 'done',
  verdict: { kind: 'failed', code: 'JOB_FAILED', cause: 'user', decision: { action: 'fail', reason: '' } },
};

const POLL: Observation['next'] = { kind: 'poll' };

test.each<[string, readonly HistoryEvent[], boolean]>([
  ['that had begun nothing', [], false],
  ['whose submit was never answered', [create(5)], true],
  ['whose job was seen', [create(5), completed(7, 5, seen(POLL))], true],
  ['whose job was seen to end', [create(5), completed(7, 5, seen(FAILED, 'FAILED'))], false],
  ['whose submit was refused', [create(5), failed(7, 5, ['INVALID_TASK', 1])], false],
  [
    'whose submit was refused after one that was not answered',
    [create(5), failed(7, 5, ['INVALID_TASK', 2])],
    true,
  ],
  ['whose submit never left', [create(5), failed(7, 5, ['UNAVAILABLE', 0])], false],
  ['of unknown outcome', [create(5), failed(7, 5, ['OUTCOME_UNKNOWN', 1])], true],
  [
    'whose job was seen stopped',
    [
      create(5),
      completed(7, 5, seen(POLL)),
      scheduled(9, 'delete', {}),
      completed(11, 9, { kind: 'stopped' }),
    ],
    false,
  ],
  [
    'whose stop was never answered',
    [create(5), completed(7, 5, seen(POLL)), scheduled(9, 'delete', {})],
    true,
  ],
  [
    'whose ended job is being repaired',
    [create(5), completed(7, 5, seen(FAILED, 'FAILED')), scheduled(9, 'repair', {})],
    true,
  ],
  [
    'whose repair was never sent',
    [
      create(5),
      completed(7, 5, seen(FAILED, 'FAILED')),
      scheduled(9, 'repair', {}),
      failed(11, 9, ['UNAUTHENTICATED', 0]),
    ],
    false,
  ],
  [
    'whose repair may have begun',
    [
      create(5),
      completed(7, 5, seen(FAILED, 'FAILED')),
      scheduled(9, 'repair', {}),
      failed(11, 9, ['UNAUTHENTICATED', 1]),
    ],
    true,
  ],
  ['whose submit was not answered until a deadline', [create(5), failed(7, 5, ['UNAVAILABLE', 1])], true],
  [
    'whose submit a quota refused for all of its budget',
    [create(5), failed(7, 5, ['RATE_LIMITED', 3, true])],
    false,
  ],
  [
    'whose next attempt was under way',
    [create(5), completed(7, 5, seen(FAILED, 'FAILED')), create(9, 2)],
    true,
  ],
])('a task %s may have left a job', (_what, events, isLeft) => {
  expect(rememberTask([started(), ...events])?.state.mayBeRunning).toBe(isLeft);
});

test('a repair after one that was stopped goes on from the meta that the stop gave', () => {
  const stopped = { kind: 'stopped', meta: { ...META, latestRepairId: '8' }, externalId: 'job-1' };
  const state = rememberTask([
    started(),
    create(5),
    completed(7, 5, seen(FAILED, 'FAILED')),
    scheduled(9, 'repair', {}),
    failed(11, 9, ['UNAUTHENTICATED', 1]),
    scheduled(13, 'delete', {}),
    completed(15, 13, stopped),
    scheduled(17, 'repair', {}),
  ])?.state;
  expect(state).toMatchObject({ meta: { latestRepairId: '8' }, mayBeRunning: true, repairing: {} });
});

test('the next attempt has its own token and no job yet', () => {
  const remembered = rememberTask([
    started(),
    create(5),
    completed(7, 5, seen(FAILED, 'FAILED')),
    create(9, 2),
  ]);
  if (remembered === undefined) throw new Error('no task');
  expect(currentToken(remembered)).toBe(`lh-${RUN}-2`);
  expect(remembered.state).toMatchObject({ attempt: 2, attempts: [{ externalId: 'job-1' }, { attempt: 2 }] });
  expect(remembered.state.meta).toBeUndefined();
});

const QUOTA: Observation['next'] = {
  kind: 'done',
  verdict: {
    kind: 'failed',
    code: 'JOB_FAILED',
    cause: 'quota',
    decision: { action: 'retryAfter', delayMs: 1_000, reason: 'no room' },
  },
};

test('waits for a quota are remembered as such, with what was decided: they spend no attempts', () => {
  const refusals = [1, 2, 3].flatMap((attempt) => [
    create(attempt * 10, attempt),
    completed(attempt * 10 + 2, attempt * 10, seen(QUOTA, 'FAILED')),
  ]);
  const state = rememberTask([started(), ...refusals, create(40, 4)])?.state;
  expect(state?.attempts).toMatchObject([
    { waitsForQuota: true, decision: 'retryAfter: no room' },
    { waitsForQuota: true, decision: 'retryAfter: no room' },
    { waitsForQuota: true, decision: 'retryAfter: no room' },
    { attempt: 4 },
  ]);
  const platform = { action: 'retry', reason: 'spot' } as const;
  const verdict = { kind: 'failed', code: 'JOB_FAILED', cause: 'platform', decision: platform } as const;
  const bounds = { policy: { ...DEFAULT_POLICY, maxAttempts: 2 }, routing: INPUT.routing };
  if (state === undefined) throw new Error('no task');
  expect(boundDecision(bounds, state, verdict)).toEqual(platform);
});

test('what a continued run carries is the beginning of its memory', () => {
  const carried = rememberTask([started(), create(5), completed(7, 5, seen(POLL))])?.state;
  const { template: _template, ...rest } = carried ?? { template: TEMPLATE };
  expect(rememberTask([started({ ...INPUT, carried: rest })])?.state).toEqual(carried);
});

test('an adopted job is left over from its first moment', () => {
  const adopted = { meta: META, externalId: 'job-1' };
  expect(rememberTask([started({ ...INPUT, adopted })])?.state).toMatchObject({
    mayBeRunning: true,
    meta: META,
  });
});

test.each([
  ['nothing', []],
  ['another workflow', [started({ hello: 'world' })]],
])('the history of %s is no task', (_what, events) => {
  expect(rememberTask(events)).toBeUndefined();
});

test.each([
  'success',
  'failed',
  'retried',
  'canceled-running',
  'canceled-submitting',
  'run-gone',
  'repair',
  'deadline',
])('the recorded history of %s left nothing over', (name) => {
  const { events } = historyFromJSON(JSON.parse(readFileSync(historyFile(name), 'utf8')));
  expect(rememberTask(events ?? [])?.state.mayBeRunning).toBe(false);
});
