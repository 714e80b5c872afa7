import { DEFAULT_POLICY } from '../../src/connector';
import { activeDeadlines } from '../../workflows/deadlines';
import { beginRepair } from '../../workflows/task-state';
import { failed, seen, submitted } from './builders';

const POLICY = { ...DEFAULT_POLICY, queueMs: 100, startMs: 200, executionMs: 300, overallMs: 1_000 };
const RETRY = { action: 'retryAfter', delayMs: 500, reason: 'spot' } as const;

function codes(state: Parameters<typeof activeDeadlines>[1]): unknown[] {
  return activeDeadlines(POLICY, state).map(({ code, at }) => [code, at]);
}

test('without limits there are no deadlines', () => {
  expect(activeDeadlines(DEFAULT_POLICY, submitted())).toEqual([]);
});

test('a queued job has queue, start and overall before it, nearest first', () => {
  const expected = [
    ['DEADLINE_QUEUE', 100],
    ['DEADLINE_START', 200],
    ['DEADLINE_OVERALL', 1_000],
  ];
  expect(codes(submitted())).toEqual(expected);
  expect(codes(seen(submitted(), 'WAITING_FOR_RESOURCES', 50))).toEqual(expected);
});

test('a job that initializes has left the queue, but has not started', () => {
  expect(codes(seen(submitted(), 'INITIALIZING', 50))).toEqual([
    ['DEADLINE_START', 200],
    ['DEADLINE_OVERALL', 1_000],
  ]);
});

test('the execution counts from the first look that saw the job run', () => {
  const running = seen(seen(submitted(), 'RUNNING', 70), 'RUNNING', 90);
  expect(codes(running)).toEqual([
    ['DEADLINE_EXECUTION', 370],
    ['DEADLINE_OVERALL', 1_000],
  ]);
});

test('a job that falls back into a queue after running keeps its execution deadline', () => {
  const state = seen(seen(submitted(), 'RUNNING', 70), 'QUEUED', 90);
  expect(codes(state)[0]).toEqual(['DEADLINE_EXECUTION', 370]);
});

test('during the pause after an attempt only the overall deadline holds', () => {
  expect(codes(failed(seen(submitted(), 'RUNNING', 70), RETRY, 90))).toEqual([['DEADLINE_OVERALL', 1_000]]);
});

test('a repaired job counts anew', () => {
  const repaired = beginRepair(failed(seen(submitted(), 'RUNNING', 70), RETRY, 90), {}, 600);
  expect(codes(seen(repaired, 'QUEUED', 610))).toEqual([
    ['DEADLINE_QUEUE', 700],
    ['DEADLINE_START', 800],
    ['DEADLINE_OVERALL', 1_000],
  ]);
  expect(codes(seen(repaired, 'RUNNING', 620))[0]).toEqual(['DEADLINE_EXECUTION', 920]);
});
