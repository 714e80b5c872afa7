import fc from 'fast-check';
import { isTerminalPhase } from '../../../src/connector';
import { mapRunState, resultStateIsAvailable, type RunState } from '../../../src/connectors/databricks';

const LIFE_CYCLES = [
  undefined,
  'QUEUED',
  'PENDING',
  'RUNNING',
  'TERMINATING',
  'BLOCKED',
  'WAITING_FOR_RETRY',
  'TERMINATED',
  'SKIPPED',
  'INTERNAL_ERROR',
  'FUTURE_STATE',
];
const RESULTS = [
  undefined,
  'SUCCESS',
  'SUCCESS_WITH_FAILURES',
  'FAILED',
  'TIMEDOUT',
  'CANCELED',
  'MAXIMUM_CONCURRENT_RUNS_REACHED',
  'EXCLUDED',
  'UPSTREAM_FAILED',
  'UPSTREAM_CANCELED',
  'DISABLED',
  'FUTURE_RESULT',
];
const STATUSES = [
  undefined,
  'BLOCKED',
  'PENDING',
  'QUEUED',
  'RUNNING',
  'TERMINATING',
  'TERMINATED',
  'WAITING',
  'FUTURE_STATUS',
];
const CODES = [
  undefined,
  'SUCCESS',
  'SUCCESS_WITH_FAILURES',
  'USER_CANCELED',
  'CANCELED',
  'SKIPPED',
  'INTERNAL_ERROR',
  'DRIVER_ERROR',
  'CLUSTER_ERROR',
  'REPOSITORY_CHECKOUT_FAILED',
  'INVALID_CLUSTER_REQUEST',
  'WORKSPACE_RUN_LIMIT_EXCEEDED',
  'FEATURE_DISABLED',
  'CLUSTER_REQUEST_LIMIT_EXCEEDED',
  'STORAGE_ACCESS_ERROR',
  'RUN_EXECUTION_ERROR',
  'UNAUTHORIZED_ERROR',
  'LIBRARY_INSTALLATION_ERROR',
  'MAX_CONCURRENT_RUNS_EXCEEDED',
  'MAX_SPARK_CONTEXTS_EXCEEDED',
  'RESOURCE_NOT_FOUND',
  'INVALID_RUN_CONFIGURATION',
  'CLOUD_FAILURE',
  'MAX_JOB_QUEUE_SIZE_EXCEEDED',
  'BUDGET_POLICY_LIMIT_EXCEEDED',
  'DISABLED',
  'CLUSTER_TERMINATED_BY_USER',
  'BREAKING_CHANGE',
  'FUTURE_CODE',
];
const TYPES = [undefined, 'SUCCESS', 'CLIENT_ERROR', 'INTERNAL_ERROR', 'CLOUD_FAILURE', 'FUTURE_TYPE'];

function* everyState(): Generator<RunState> {
  for (const lifeCycle of LIFE_CYCLES) {
    for (const result of RESULTS) {
      for (const status of STATUSES) {
        for (const terminationCode of CODES) {
          for (const terminationType of TYPES) {
            yield { lifeCycle, result, status, terminationCode, terminationType };
          }
        }
      }
    }
  }
}

/** The rule as a person would say it, written apart from the code. */
function mayBeGreen(state: RunState): boolean {
  return (
    state.lifeCycle === 'TERMINATED' &&
    state.result === 'SUCCESS' &&
    [undefined, 'TERMINATED', 'FUTURE_STATUS'].includes(state.status) &&
    [undefined, 'SUCCESS'].includes(state.terminationCode) &&
    [undefined, 'SUCCESS'].includes(state.terminationType)
  );
}

describe('state of a run', () => {
  it('is green for TERMINATED with SUCCESS only, over the whole product of states', () => {
    const wrong: RunState[] = [];
    let greens = 0;
    for (const state of everyState()) {
      const view = mapRunState(state);
      const isGreen = view.phase === 'SUCCEEDED' || view.verdict?.kind === 'succeeded';
      if (isGreen) greens += 1;
      if (isGreen && !mayBeGreen(state)) wrong.push(state);
      const isConsistent =
        view.isTerminal === isTerminalPhase(view.phase) &&
        view.isTerminal === (view.verdict !== undefined) &&
        view.phase !== 'UNDEFINED';
      if (!isConsistent) wrong.push(state);
    }
    expect(wrong).toEqual([]);
    expect(greens).toBe(8);
  });

  it('never throws, whatever the words are', () => {
    const word = fc.option(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString')), {
      nil: undefined,
    });
    const state = fc.record({
      lifeCycle: fc.oneof(word, fc.constantFrom(...LIFE_CYCLES)),
      result: fc.oneof(word, fc.constantFrom(...RESULTS)),
      stateMessage: word,
      queueReason: word,
      status: fc.oneof(word, fc.constantFrom(...STATUSES)),
      queueCode: word,
      queueMessage: word,
      terminationCode: fc.oneof(word, fc.constantFrom(...CODES)),
      terminationType: fc.oneof(word, fc.constantFrom(...TYPES)),
      terminationMessage: word,
    });
    fc.assert(
      fc.property(state, fc.array(state, { maxLength: 3 }), (run, tasks) => {
        const view = mapRunState(run, tasks);
        return view.phase !== 'SUCCEEDED' || mayBeGreen({ ...run, status: undefined });
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['QUEUED', 'QUEUED'],
    ['PENDING', 'INITIALIZING'],
    ['BLOCKED', 'WAITING_FOR_RESOURCES'],
    ['WAITING_FOR_RETRY', 'WAITING_FOR_RESOURCES'],
    ['RUNNING', 'RUNNING'],
    ['TERMINATING', 'RUNNING'],
  ])('%s waits as %s', (lifeCycle, phase) => {
    expect(mapRunState({ lifeCycle }).phase).toBe(phase);
  });

  it('keeps polling a state it does not know and shows its words', () => {
    const view = mapRunState({ lifeCycle: 'HIBERNATING', status: 'DREAMING', stateMessage: 'zzz' });
    expect(view).toEqual({
      phase: 'RUNNING',
      isTerminal: false,
      message: 'HIBERNATING (status DREAMING): zzz',
    });
  });

  it('takes a state without any words for one that goes on', () => {
    expect(mapRunState({})).toMatchObject({ phase: 'RUNNING', isTerminal: false, message: 'no state given' });
  });

  it('ends a state it does not know once the v2 status says TERMINATED, and not in green', () => {
    const view = mapRunState({ lifeCycle: 'HIBERNATED', result: 'SUCCESS', status: 'TERMINATED' });
    expect(view).toMatchObject({ phase: 'FAILED', isTerminal: true });
    expect(view.message).toContain('HIBERNATED/SUCCESS');
  });

  it.each([
    ['a code that is not SUCCESS', { terminationCode: 'RUN_EXECUTION_ERROR' }, true],
    ['a type that is not SUCCESS', { terminationType: 'CLOUD_FAILURE' }, true],
    ['a status that still runs', { status: 'RUNNING' }, false],
  ])('does not trust TERMINATED/SUCCESS beside %s', (_, more, isTerminal) => {
    const view = mapRunState({ lifeCycle: 'TERMINATED', result: 'SUCCESS', ...more });
    expect(view.isTerminal).toBe(isTerminal);
    expect(view.phase).not.toBe('SUCCEEDED');
  });

  it('TERMINATED without a result is a failure of unknown cause', () => {
    expect(mapRunState({ lifeCycle: 'TERMINATED' }).verdict).toMatchObject({
      kind: 'failed',
      code: 'JOB_FAILED',
      cause: 'unknown',
      decision: { action: 'fail' },
    });
  });
});

describe('blame for a failed run', () => {
  const judge = (state: RunState, tasks: RunState[] = []) =>
    mapRunState({ lifeCycle: 'INTERNAL_ERROR', result: 'FAILED', status: 'TERMINATED', ...state }, tasks);

  it.each([
    ['RUN_EXECUTION_ERROR', 'CLIENT_ERROR', 'user', 'fail', 'FAILED'],
    ['RUN_EXECUTION_ERROR', 'INTERNAL_ERROR', 'user', 'fail', 'FAILED'],
    ['INTERNAL_ERROR', 'INTERNAL_ERROR', 'platform', 'retry', 'RETRYABLE_FAILED'],
    ['CLOUD_FAILURE', 'CLOUD_FAILURE', 'platform', 'retry', 'RETRYABLE_FAILED'],
    ['CLUSTER_ERROR', 'CLOUD_FAILURE', 'platform', 'retry', 'RETRYABLE_FAILED'],
    ['CLUSTER_ERROR', 'CLIENT_ERROR', 'user', 'fail', 'FAILED'],
    ['MAX_CONCURRENT_RUNS_EXCEEDED', 'CLIENT_ERROR', 'quota', 'retryAfter', 'RETRYABLE_FAILED'],
    ['WORKSPACE_RUN_LIMIT_EXCEEDED', undefined, 'quota', 'retryAfter', 'RETRYABLE_FAILED'],
    ['BREAKING_CHANGE', 'INTERNAL_ERROR', 'platform', 'fail', 'FAILED'],
    ['SOMETHING_NEW', 'CLIENT_ERROR', 'user', 'fail', 'FAILED'],
    ['SOMETHING_NEW', 'CLOUD_FAILURE', 'platform', 'retry', 'RETRYABLE_FAILED'],
    ['SOMETHING_NEW', 'TYPE_NEW', 'unknown', 'fail', 'FAILED'],
  ])('%s of type %s is %s: %s', (...row) => {
    const [terminationCode, terminationType, cause, action, phase] = row;
    const view = judge({ terminationCode, terminationType });
    expect(view).toMatchObject({ phase, verdict: { code: 'JOB_FAILED', cause, decision: { action } } });
  });

  it('an ordinary failure of the code arrives as INTERNAL_ERROR and is not retried', () => {
    const task: RunState = { lifeCycle: 'TERMINATED', result: 'FAILED' };
    expect(judge({}, [task]).verdict).toMatchObject({ cause: 'user', decision: { action: 'fail' } });
  });

  it('INTERNAL_ERROR of the tasks themselves is trouble of the platform', () => {
    const task: RunState = { lifeCycle: 'INTERNAL_ERROR' };
    expect(judge({}, [task]).verdict).toMatchObject({ cause: 'platform', decision: { action: 'retry' } });
  });

  it('INTERNAL_ERROR without any explanation is not retried blindly', () => {
    expect(judge({}).verdict).toMatchObject({ cause: 'unknown', decision: { action: 'fail' } });
  });

  it.each([
    [{ result: 'CANCELED', terminationCode: 'USER_CANCELED', terminationType: 'SUCCESS' }, 'user'],
    [{ result: 'CANCELED' }, 'unknown'],
    [{ result: undefined, terminationCode: 'CANCELED' }, 'unknown'],
  ])('a run that somebody canceled is said to be canceled: %j', (state, cause) => {
    expect(mapRunState({ lifeCycle: 'TERMINATED', ...state })).toMatchObject({
      phase: 'ABORTED',
      verdict: { kind: 'failed', code: 'JOB_CANCELED_EXTERNALLY', cause, decision: { action: 'fail' } },
    });
  });

  it('a run that exceeded its own time-out failed and was not canceled', () => {
    const view = mapRunState({ lifeCycle: 'TERMINATED', result: 'TIMEDOUT', terminationCode: 'CANCELED' });
    expect(view.verdict).toMatchObject({ code: 'JOB_FAILED', cause: 'user' });
  });

  it('a run skipped for the concurrency limit is worth a later try', () => {
    const view = mapRunState({ lifeCycle: 'SKIPPED', result: 'MAXIMUM_CONCURRENT_RUNS_REACHED' });
    expect(view.verdict).toMatchObject({
      cause: 'quota',
      decision: { action: 'retryAfter', delayMs: 60_000 },
    });
  });

  it('success with failures is a failure', () => {
    const view = mapRunState({ lifeCycle: 'TERMINATED', result: 'SUCCESS_WITH_FAILURES' });
    expect(view.verdict).toMatchObject({ kind: 'failed', code: 'JOB_FAILED', cause: 'user' });
  });
});

it('resultStateIsAvailable has Flyte’s meaning: TERMINATED only', () => {
  expect(LIFE_CYCLES.filter((lifeCycle) => resultStateIsAvailable(lifeCycle))).toEqual(['TERMINATED']);
});
