import type { WorkflowExecutionDescription, WorkflowExecutionInfo } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

import { isInRepairWindow, parseTaskMemo, toListedStatus, toTaskStatus } from '../../src/client/task-status';
import { NOT_CHANGED, type PollSnapshot } from '../../src/connector/activity-contract';
import { TASK_MEMO_KEY } from '../../src/connector/task-names';

const NOW = Date.UTC(2026, 10, 21, 12);
const START = NOW - 60_000;

interface Shape {
  readonly status?: string;
  readonly view?: object;
  readonly memo?: Record<string, unknown>;
  readonly pending?: readonly object[];
  readonly pendingWorkflowTask?: object;
  readonly closedAt?: number;
}

const VIEW = {
  phase: 'RUNNING',
  message: 'half done',
  attempt: 1,
  externalId: '9007199254740993',
  links: [{ name: 'Console', uri: 'https://w/1' }],
  meta: { runId: '9007199254740993' },
  updatedAt: START,
};

/** What Temporal's client gives, as far as it is read. */
function description(shape: Shape): WorkflowExecutionDescription {
  const memo = shape.memo ?? {
    taskType: 'databricks v0',
    name: 'word-count',
    fingerprint: 'f',
    startNonce: 'n',
    ...(shape.view === undefined ? {} : { [TASK_MEMO_KEY]: shape.view }),
  };
  const described: unknown = {
    workflowId: 'task',
    runId: 'run',
    status: { name: shape.status ?? 'RUNNING' },
    memo,
    startTime: new Date(START),
    historyLength: 12,
    taskQueue: 'longhaul',
    ...(shape.closedAt === undefined ? {} : { closeTime: new Date(shape.closedAt) }),
    raw: { pendingActivities: shape.pending ?? [], pendingWorkflowTask: shape.pendingWorkflowTask ?? null },
  };
  return described as WorkflowExecutionDescription; // only the members above are read
}

const timestamp = (ms: number): object => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 });

function waitingPoll(snapshot: Partial<PollSnapshot> | 'garbled'): object {
  const details =
    snapshot === 'garbled' ? 'garbled' : { phase: 'RUNNING', nextCheckAt: NOW + 4_000, ...snapshot };
  return {
    state: 1,
    nextAttemptScheduleTime: timestamp(NOW + 4_000),
    lastFailure: {
      applicationFailureInfo: {
        type: NOT_CHANGED,
        details: { payloads: [defaultPayloadConverter.toPayload(details)] },
      },
    },
  };
}

describe('an open task', () => {
  test('shows its memo', () => {
    expect(toTaskStatus(description({ view: VIEW }), NOW)).toEqual({
      id: 'task',
      runId: 'run',
      taskType: 'databricks v0',
      name: 'word-count',
      state: 'OPEN',
      phase: 'RUNNING',
      message: 'half done',
      links: VIEW.links,
      externalId: '9007199254740993',
      meta: VIEW.meta,
      attempt: 1,
      updatedAt: START,
      startedAt: START,
      historyLength: 12,
    });
  });

  test('the words of a waiting poll are fresher than the memo', () => {
    const pending = [waitingPoll({ phase: 'RUNNING', message: '3 of 4 tasks done' })];
    expect(toTaskStatus(description({ view: VIEW, pending }), NOW)).toMatchObject({
      message: '3 of 4 tasks done',
      nextCheckAt: NOW + 4_000,
      links: VIEW.links,
    });
  });

  test('trouble is shown, with the phase it was last seen in', () => {
    const trouble = { code: 'UNAVAILABLE' as const, message: 'no route', since: START, failures: 3 };
    const status = toTaskStatus(description({ view: VIEW, pending: [waitingPoll({ trouble })] }), NOW);
    expect(status).toMatchObject({
      phase: 'RUNNING',
      code: 'UNAVAILABLE',
      message: 'out of reach (no route)',
      unreachableSince: START,
    });
  });

  test('a task that is being canceled says so, whatever its poll says', () => {
    const view = { ...VIEW, message: 'canceling', canceling: { requestedAt: NOW, by: 'ann' } };
    const pending = [waitingPoll({ message: 'still running' })];
    expect(toTaskStatus(description({ view, pending }), NOW)).toMatchObject({
      message: 'canceling',
      canceling: { by: 'ann' },
    });
  });

  test('a poll whose details cannot be read is passed over', () => {
    expect(toTaskStatus(description({ view: VIEW, pending: [waitingPoll('garbled')] }), NOW)).toMatchObject({
      message: 'half done',
    });
  });

  test('without a view of ours it is queued', () => {
    for (const memo of [{}, { [TASK_MEMO_KEY]: 'x' }, { [TASK_MEMO_KEY]: { phase: 'HAPPY', attempt: 1 } }]) {
      const status = toTaskStatus(description({ memo }), NOW);
      expect(status).toMatchObject({ phase: 'QUEUED', taskType: '', attempt: 0, links: [] });
    }
  });
});

describe('a closed task', () => {
  test.each([
    ['COMPLETED', 'COMPLETED', 'SUCCEEDED'],
    ['FAILED', 'FAILED', 'FAILED'],
    ['CANCELLED', 'CANCELED', 'ABORTED'],
  ])('%s shows how it ended', (temporal, state, phase) => {
    const view = { ...VIEW, phase, terminal: true, receipt: { attempts: [] } };
    const status = toTaskStatus(description({ status: temporal, view, closedAt: NOW }), NOW);
    expect(status).toMatchObject({ state, phase, closedAt: NOW, receipt: { attempts: [] } });
  });

  test.each([
    ['TERMINATED', 'TERMINATED', 'terminated'],
    ['TIMED_OUT', 'TIMED_OUT', 'timed out'],
  ])(
    '%s from outside is a failure, although the memo still tells of a running job',
    (temporal, state, word) => {
      expect(toTaskStatus(description({ status: temporal, view: VIEW, closedAt: NOW }), NOW)).toMatchObject({
        state,
        phase: 'FAILED',
        code: 'INTERNAL',
        message: expect.stringMatching(
          `was ${word} from outside; its job was not stopped \\(last seen RUNNING\\)`,
        ),
      });
    },
  );

  test('what a poll said before the end counts no more', () => {
    const closed = description({
      status: 'COMPLETED',
      view: { ...VIEW, phase: 'SUCCEEDED' },
      pending: [waitingPoll({})],
    });
    expect(toTaskStatus(closed, NOW)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(toTaskStatus(closed, NOW)).not.toHaveProperty('nextCheckAt');
  });
});

describe('a queue that nobody serves', () => {
  const scheduled = (ageMs: number): object => ({
    state: 1,
    scheduledTime: timestamp(NOW - ageMs),
    activityOptions: { taskQueue: { name: 'databricks:control' } },
  });

  test.each([
    [
      'a workflow task untouched for 11 s',
      { pendingWorkflowTask: { originalScheduledTime: timestamp(NOW - 11_000) } },
      { taskQueue: 'longhaul', kind: 'workflow' },
    ],
    [
      'an activity untouched for 11 s',
      { pending: [scheduled(11_000)] },
      { taskQueue: 'databricks:control', kind: 'activity' },
    ],
    ['an activity untouched for 9 s', { pending: [scheduled(9_000)] }, undefined],
    ['an activity that pauses between two tries', { pending: [waitingPoll({})] }, undefined],
    ['a running activity', { pending: [{ ...scheduled(60_000), state: 2 }] }, undefined],
  ])('%s', (_what, shape, waitingFor) => {
    expect(toTaskStatus(description({ view: VIEW, ...shape }), NOW).waitingFor).toEqual(waitingFor);
  });
});

test('a row of a list shows the memo alone', () => {
  const described: unknown = description({ view: VIEW, pending: [waitingPoll({ message: 'newer' })] });
  const execution = described as WorkflowExecutionInfo; // the same members, but for `raw`
  expect(toListedStatus(execution, parseTaskMemo(execution.memo))).toMatchObject({
    id: 'task',
    phase: 'RUNNING',
    message: 'half done',
    externalId: '9007199254740993',
  });
});

test('a task that was opened again shows when it first began', () => {
  const memo = { taskType: 't v0', goesOnFrom: { runId: 'older', startedAt: START - 5_000 } };
  expect(toTaskStatus(description({ memo }), NOW).startedAt).toBe(START - 5_000);
  expect(toTaskStatus(description({ memo: { ...memo, goesOnFrom: 'garbled' } }), NOW).startedAt).toBe(START);
});

test.each<[string, Shape, boolean]>([
  ['waits for a repair', { view: { phase: 'FAILED', code: 'JOB_FAILED' } }, true],
  ['is in trouble', { view: { phase: 'RUNNING', code: 'UNAVAILABLE' } }, false],
  ['pauses before its next attempt', { view: { phase: 'RETRYABLE_FAILED' } }, false],
  ['has failed', { status: 'FAILED', view: { phase: 'FAILED', code: 'JOB_FAILED' } }, false],
])('a task that %s is told from one in its repair window', (_what, shape, expected) => {
  const seen = toTaskStatus(description({ ...shape, view: { ...VIEW, ...shape.view } }), NOW);
  expect(isInRepairWindow(seen)).toBe(expected);
});
