import { endingOfResult, endingOfVerdict, jobEnding } from '../../src/simulator/endings';
import type { Ending, TaskSpec } from '../../src/simulator/model';
import { decideTask, type EndKind, type Verdict } from '../../src/simulator/run-if';

const ok: EndKind = 'succeeded';
const bad: EndKind = 'failed';
const canceled: EndKind = 'canceled';
const excluded: EndKind = 'excluded';

const TABLE: readonly [string, readonly EndKind[], Verdict][] = [
  ['ALL_SUCCESS', [], 'run'],
  ['ALL_SUCCESS', [ok, ok], 'run'],
  ['ALL_SUCCESS', [ok, excluded], 'run'],
  ['ALL_SUCCESS', [ok, bad], 'upstream_failed'],
  ['ALL_SUCCESS', [ok, canceled], 'upstream_canceled'],
  ['ALL_SUCCESS', [canceled, bad], 'upstream_failed'],
  ['AT_LEAST_ONE_SUCCESS', [bad, ok], 'run'],
  ['AT_LEAST_ONE_SUCCESS', [bad, bad], 'upstream_failed'],
  ['NONE_FAILED', [ok, excluded], 'run'],
  ['NONE_FAILED', [ok, bad], 'upstream_failed'],
  ['ALL_DONE', [bad, canceled], 'run'],
  ['AT_LEAST_ONE_FAILED', [ok, bad], 'run'],
  ['AT_LEAST_ONE_FAILED', [ok, ok], 'excluded'],
  ['ALL_FAILED', [bad, bad], 'run'],
  ['ALL_FAILED', [bad, ok], 'excluded'],
  ['ALL_DONE', [excluded, excluded], 'excluded'],
  ['ALL_SUCCESS', [excluded], 'excluded'],
];

describe('run_if', () => {
  test.each(TABLE)('%s after %j: %s', (runIf, kinds, verdict) => {
    expect(
      decideTask(
        runIf,
        kinds.map((kind) => ({ kind })),
      ),
    ).toBe(verdict);
  });

  test('the branch a condition did not take is excluded', () => {
    expect(decideTask('ALL_SUCCESS', [{ kind: ok, wantedOutcome: 'true', outcome: 'false' }])).toBe(
      'excluded',
    );
    expect(decideTask('ALL_SUCCESS', [{ kind: ok, wantedOutcome: 'true', outcome: 'true' }])).toBe('run');
  });
});

describe('the end of a job run', () => {
  const success = endingOfResult('SUCCESS');
  const failure = endingOfResult('FAILED');
  const end = (tasks: TaskSpec[], ends: Record<string, Ending>) =>
    jobEnding(tasks, new Map(Object.entries(ends)), 'internal_error');

  test('a failed leaf fails the run as INTERNAL_ERROR/FAILED, naming the task', () => {
    expect(end([task('a')], { a: failure })).toMatchObject({
      lifeCycle: 'INTERNAL_ERROR',
      result: 'FAILED',
      code: 'RUN_EXECUTION_ERROR',
      message: 'Task a failed with message: Workload failed, see run output for details.',
    });
  });

  test('what failed first is named, not what was skipped for it', () => {
    const ends = { a: failure, b: endingOfVerdict('upstream_failed') };
    const { message } = end([task('a'), task('b', 'a')], ends);
    expect(message).toMatch(/^Task a failed .* This caused all downstream tasks to get skipped\.$/);
  });

  test('fine leaves after a failure are SUCCESS_WITH_FAILURES', () => {
    expect(end([task('a'), task('b', 'a')], { a: failure, b: success }).result).toBe('SUCCESS_WITH_FAILURES');
  });

  test('an excluded leaf is a success', () => {
    expect(end([task('a'), task('b', 'a')], { a: success, b: endingOfVerdict('excluded') }).result).toBe(
      'SUCCESS',
    );
  });

  test('a canceled leaf cancels the run', () => {
    expect(end([task('a')], { a: endingOfResult('CANCELED') }).result).toBe('CANCELED');
  });
});

function task(key: string, ...dependsOn: string[]): TaskSpec {
  return {
    key,
    body: {},
    dependsOn: dependsOn.map((taskKey) => ({ taskKey })),
    runIf: 'ALL_SUCCESS',
    timeoutMs: 0,
    maxRetries: 0,
    minRetryIntervalMs: 0,
    retryOnTimeout: false,
    disabled: false,
  };
}
