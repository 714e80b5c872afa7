import type { JsonObject } from '../../../src/connector';
import { mapRunState, type RunState } from '../../../src/connectors/databricks';
import { readFailurePolicy } from '../../../src/connectors/databricks/databricks-failure-policy';
import {
  explainFailure,
  PLAIN_JUDGING,
  type Judging,
  type RunFacts,
} from '../../../src/connectors/databricks/databricks-verdict';

const FAILED: RunState = { lifeCycle: 'INTERNAL_ERROR', result: 'FAILED', status: 'TERMINATED' };

function judging(facts: Partial<RunFacts>, policy: JsonObject = {}, quotaWaits = 0): Judging {
  return { policy: readFailurePolicy(policy), quotaWaits, run: { ...PLAIN_JUDGING.run, ...facts } };
}

function decide(state: RunState, how: Judging = PLAIN_JUDGING, failedTasks: readonly RunState[] = []) {
  return explainFailure({ state: { ...FAILED, ...state }, failedTasks }, how);
}

const CLOUD: RunState = { terminationCode: 'CLOUD_FAILURE', terminationType: 'CLOUD_FAILURE' };
const SOME = { tasks: 3, succeededTasks: 2 };

describe('capacity', () => {
  it.each<[string, Partial<RunFacts>, string]>([
    ['on spot instances runs again on demand', { usesSpot: true }, 'resubmit'],
    ['on demand already runs again as it is', {}, 'retry'],
    [
      'of a saved job runs again as it is: the compute is the job’s',
      { usesSpot: true, isOfJob: true },
      'retry',
    ],
    ['with work done is repaired first', { ...SOME, usesSpot: true }, 'repair'],
    [
      'with work done, repaired before, runs again on demand',
      { ...SOME, usesSpot: true, wasRepaired: true },
      'resubmit',
    ],
    ['with work done and no spot is repaired again', { ...SOME, wasRepaired: true }, 'repair'],
  ])('%s', (_what, facts, action) => {
    expect(decide(CLOUD, judging(facts)).decision.action).toBe(action);
  });

  it('is seen by the words of the cluster, whatever the code and type say', () => {
    const stateMessage = 'Reason: AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE (CLIENT_ERROR)';
    const spot = judging({ usesSpot: true });
    for (const terminationCode of ['CLUSTER_ERROR', 'INVALID_CLUSTER_REQUEST', 'INTERNAL_ERROR']) {
      const state = { terminationCode, terminationType: 'CLIENT_ERROR', stateMessage };
      expect(decide(state, spot)).toMatchObject({ cause: 'platform', decision: { action: 'resubmit' } });
    }
  });

  it('is never read out of the words of the user’s own code', () => {
    const state = { terminationCode: 'RUN_EXECUTION_ERROR', stateMessage: 'saw SPOT_INSTANCE_TERMINATION' };
    expect(decide(state, judging({ usesSpot: true }))).toMatchObject({
      cause: 'user',
      decision: { action: 'fail' },
    });
  });

  it('of the whole account is a quota', () => {
    const state = { terminationCode: 'CLUSTER_ERROR', stateMessage: 'AZURE_QUOTA_EXCEEDED_EXCEPTION: cores' };
    expect(decide(state)).toMatchObject({
      cause: 'quota',
      decision: { action: 'retryAfter', delayMs: 300_000 },
    });
  });
});

describe('a task’s own policy', () => {
  it('goes from the code over the result and the type to the default', () => {
    const onFailure = {
      CLOUD_FAILURE: 'fail',
      TIMEDOUT: 'retry',
      CLIENT_ERROR: 'repair',
      default: { retryAfter: '1m' },
    };
    const own = judging({}, { onFailure });
    expect(decide(CLOUD, own)).toMatchObject({ decision: { action: 'fail' }, decidedBy: 'CLOUD_FAILURE' });
    expect(decide({ result: 'TIMEDOUT', terminationType: 'CLIENT_ERROR' }, own)).toMatchObject({
      decision: { action: 'retry' },
      decidedBy: 'TIMEDOUT',
    });
    expect(decide({ terminationCode: 'SKIPPED', terminationType: 'CLIENT_ERROR' }, own)).toMatchObject({
      decision: { action: 'repair' },
      decidedBy: 'CLIENT_ERROR',
    });
    expect(decide({ terminationCode: 'DRIVER_ERROR' }, own)).toMatchObject({
      decision: { action: 'retryAfter', delayMs: 60_000 },
      decidedBy: 'default',
    });
  });

  it('finds the code of the task that failed first where the run has none', () => {
    const own = judging({}, { onFailure: { RUN_EXECUTION_ERROR: 'retry' } });
    const task = { ...FAILED, lifeCycle: 'TERMINATED', terminationCode: 'RUN_EXECUTION_ERROR' };
    expect(decide({}, own, [task])).toMatchObject({ cause: 'user', decision: { action: 'retry' } });
  });

  it('leaves a run alone that somebody canceled, unless it names the cancel', () => {
    const canceled = { lifeCycle: 'TERMINATED', result: 'CANCELED', terminationCode: 'USER_CANCELED' };
    expect(decide(canceled, judging({}, { onFailure: { default: 'retry' } }))).toMatchObject({
      code: 'JOB_CANCELED_EXTERNALLY',
      decision: { action: 'fail' },
    });
    expect(decide(canceled, judging({}, { onFailure: { USER_CANCELED: 'retry' } }))).toMatchObject({
      code: 'JOB_CANCELED_EXTERNALLY',
      decision: { action: 'retry' },
    });
  });

  it('says which key decided, after what was found', () => {
    const { decision } = decide(CLOUD, judging({}, { onFailure: { CLOUD_FAILURE: 'fail' } }));
    expect(decision.reason).toBe(
      "CLOUD_FAILURE is trouble of the cloud provider; the task's onFailure.CLOUD_FAILURE decides",
    );
  });
});

test('the pause for a quota grows with the waits before', () => {
  const state = { terminationCode: 'MAX_CONCURRENT_RUNS_EXCEEDED' };
  const delays = [0, 1, 2, 3, 30].map((waits) => decide(state, judging({}, {}, waits)).decision);
  expect(delays.map((decision) => ('delayMs' in decision ? decision.delayMs / 60_000 : 0))).toEqual([
    1, 2, 5, 10, 10,
  ]);
});

describe('green by policy', () => {
  const partly = { lifeCycle: 'TERMINATED', result: 'SUCCESS_WITH_FAILURES', terminationType: 'SUCCESS' };
  const excluded = { lifeCycle: 'TERMINATED', result: 'EXCLUDED', terminationCode: 'SKIPPED' };

  it.each([
    ['accept', { phase: 'SUCCEEDED', verdict: { kind: 'succeeded' } }],
    ['warn', { phase: 'SUCCEEDED', isWarning: true, message: expect.stringMatching(/^Warning: TERMINATED/) }],
    ['fail', { phase: 'FAILED' }],
  ])('%s', (leniency, expected) => {
    const partial = judging({}, { onSuccessWithFailures: leniency });
    expect(mapRunState(partly, [], partial)).toMatchObject(expected);
    expect(mapRunState(excluded, [], judging({}, { onExcluded: leniency }))).toMatchObject(expected);
  });

  it('never reaches further than the two results it is for', () => {
    const lenient = judging({}, { onSuccessWithFailures: 'accept', onExcluded: 'accept' });
    const contradictions: RunState[] = [
      { ...partly, terminationCode: 'INTERNAL_ERROR' },
      { ...partly, terminationType: 'CLIENT_ERROR' },
      { ...partly, lifeCycle: 'INTERNAL_ERROR' },
      { ...excluded, terminationCode: 'CLUSTER_ERROR' },
      { ...excluded, terminationType: 'INTERNAL_ERROR' },
      { ...excluded, lifeCycle: 'INTERNAL_ERROR' },
      { lifeCycle: 'TERMINATED', result: 'DISABLED' },
      { lifeCycle: 'TERMINATED', result: 'FAILED' },
      { lifeCycle: 'TERMINATED', result: 'UPSTREAM_FAILED' },
    ];
    for (const state of contradictions) expect(mapRunState(state, [], lenient).phase).not.toBe('SUCCEEDED');
  });
});
