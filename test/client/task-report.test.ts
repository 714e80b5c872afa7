import { toTaskReport } from '../../src/client/task-report';
import type { TaskStatus } from '../../src/client/task-status';

const STATUS: TaskStatus = {
  ...{ id: 'nightly', runId: 'r', taskType: 't v0', state: 'COMPLETED', phase: 'SUCCEEDED', links: [] },
  ...{ attempt: 1, startedAt: 0, historyLength: 9 },
};

function healedBy(message: string): ReturnType<typeof toTaskReport>['healed'] {
  const row = { attempt: 1, token: 't', posts: 1, repairs: 1, repairedEnds: [{ phase: 'FAILED', message }] };
  const result = { resource: { phase: 'SUCCEEDED' as const }, receipt: { attempts: [row] } };
  return toTaskReport({ status: STATUS, result, metrics: [], now: 0 }).healed;
}

test('why a healed job had failed says how many more tasks failed', () => {
  expect(healedBy('Task a failed: KeyError\n2 more tasks failed\nFAILED')).toEqual([
    { error: 'Task a failed: KeyError', more: '2 more tasks failed' },
  ]);
});

test('a message that the receipt cut ends at a whole word, with an ellipsis; a whole one stays', () => {
  const cut = healedBy(`${'word '.repeat(50).slice(0, 198)}ab`);
  expect(cut).toEqual([{ error: expect.stringMatching(/ word…$/) as string }]);
  const whole = `${'w'.repeat(150)}\n${'x'.repeat(60)}`.slice(0, 200);
  expect(healedBy(whole)).toEqual([{ error: 'w'.repeat(150) }]);
});

test('a task that waits for its repair has its causes, without the words of its waiting', () => {
  const message = 'failed; waiting for a repair until 2026-11-22T02:42:48.830Z: Task sum failed: KeyError';
  const status: TaskStatus = { ...STATUS, state: 'OPEN', phase: 'FAILED', code: 'JOB_FAILED', message };
  const told = toTaskReport({ status, result: undefined, metrics: [], now: 0 });
  expect(told.causes).toEqual([{ error: 'Task sum failed: KeyError', code: 'JOB_FAILED' }]);
});
