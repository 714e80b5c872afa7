import { explainCode, explainStatus } from '../../src/cli/explain-code';
import type { TaskStatus } from '../../src/client';

function status(more: Partial<TaskStatus>): TaskStatus {
  return {
    ...{ id: 'nightly', runId: 'r', taskType: 't v0', state: 'FAILED', phase: 'FAILED', links: [] },
    ...{ attempt: 1, startedAt: 0, historyLength: 9 },
    ...more,
  };
}

test('a code that the policy decides is explained both ways, or as the given policy says', () => {
  expect(explainCode('RUN_GONE')).toMatchObject([
    { subject: 'error RUN_GONE', action: 'fail', decidedBy: 'onGone: fail' },
    { action: 'retry', when: 'with onGone: resubmit' },
  ]);
  expect(explainCode('OUTCOME_UNKNOWN', { onUnknown: 'retry' })).toMatchObject([{ action: 'retry' }]);
  expect(explainCode('OUTCOME_UNKNOWN', {})).toMatchObject([
    { action: 'fail', decidedBy: 'onUnknown: fail' },
  ]);
  expect(explainCode('CLOUD_FAILURE')).toEqual([]);
});

test.each<[string, Partial<TaskStatus>, object]>([
  [
    'that waits in its repair window',
    {
      state: 'OPEN',
      code: 'JOB_FAILED',
      cause: 'user',
      message: 'failed; waiting for a repair until 14:00: KeyError',
    },
    {
      action: 'wait',
      cause: 'user',
      decidedBy: 'repairWindow',
      reason: 'KeyError',
      next: expect.stringContaining('longhaul repair nightly'),
    },
  ],
  [
    'out of reach',
    { state: 'OPEN', phase: 'RUNNING', code: 'UNAVAILABLE' },
    { action: 'wait', next: expect.stringContaining('by itself') },
  ],
  [
    'that was canceled',
    { state: 'CANCELED', phase: 'ABORTED', code: 'CANCELED', message: 'canceled by ana\nand more' },
    { action: 'fail', cause: 'user', reason: 'canceled by ana' },
  ],
  [
    'that ended by a deadline',
    { code: 'DEADLINE_EXECUTION' },
    { action: 'fail', reason: 'The job ran too long.' },
  ],
  [
    'whose run is gone',
    { code: 'RUN_GONE' },
    { action: 'fail', decidedBy: 'onGone: fail', next: 'no further attempt' },
  ],
])('a task %s is explained', (_what, parts, expected) => {
  const explained = explainStatus(status(parts), { onGone: 'fail' });
  expect(explained).toMatchObject({ subject: `task nightly: ${parts.code ?? ''}`, ...expected });
});

test('a task that is well has nothing to explain', () => {
  expect(explainStatus(status({ state: 'COMPLETED', phase: 'SUCCEEDED' }), {})).toBeUndefined();
});
