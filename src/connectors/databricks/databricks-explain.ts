import {
  invalidTask,
  isJsonObject,
  type AttemptDecision,
  type FailureCause,
  type JsonObject,
} from '../../connector';
import type { RecordedRun } from './databricks-api';
import { describeComputeChange, parseComputeChange } from './databricks-compute';
import { readFailurePolicy, type FailurePolicy } from './databricks-failure-policy';
import { FAILURE_TABLE, type FailureKind, type FailureRow } from './databricks-failure-table';
import { judgingOf } from './databricks-judging';
import { compact, objectAt, objectsAt, textAt } from './databricks-json';
import { mapRunState, readRunState, type RunState } from './databricks-state';
import { readTaskRuns, rootFailures } from './databricks-tasks';
import { explainFailure, PLAIN_JUDGING, type Judging, type RunFacts } from './databricks-verdict';

/** What would become of a failure: for `longhaul explain`. */
export interface FailureExplanation {
  /** What is explained, such as `code CLOUD_FAILURE` or `run 4711`. */
  readonly subject: string;
  /** In which case; a name alone leaves open what else is true of the run. */
  readonly when?: string;
  readonly cause: FailureCause | 'none';
  readonly action: AttemptDecision['action'] | 'succeed' | 'wait';
  readonly reason: string;
  /** `table`, or the task's own key. */
  readonly decidedBy: string;
  /** What the next attempt would change. */
  readonly next: string;
}

/** All that {@link explainName} explains. */
export const FAILURE_NAMES: readonly string[] = [...new Set(FAILURE_TABLE.map(({ name }) => name))];

/** Explains a termination code, a result or a type; nothing for a name that is none of them. Pure. */
export function explainName(name: string, policy?: JsonObject): FailureExplanation[] {
  const own = readFailurePolicy(policy);
  const rows = FAILURE_TABLE.filter((row) => row.name === name);
  return rows.flatMap((row) => explainRow(row, own));
}

/** Explains every row of the table. Pure. */
export function explainTable(policy?: JsonObject): FailureExplanation[] {
  const own = readFailurePolicy(policy);
  return FAILURE_TABLE.flatMap((row) => explainRow(row, own));
}

/** Explains a run as `runs/get` has answered it, its tasks included. @throws INVALID_TASK for anything else. */
export function explainRun(raw: unknown, policy?: JsonObject): FailureExplanation {
  if (!isJsonObject(raw) || (!isJsonObject(raw['state']) && !isJsonObject(raw['status']))) {
    throw invalidTask('run', 'must be an answer of runs/get, with state or status');
  }
  const run: RecordedRun = {
    raw,
    tasks: objectsAt(raw, 'tasks'),
    repairs: objectsAt(raw, 'repair_history'),
  };
  const tasks = readTaskRuns(run.tasks);
  const failedTasks = rootFailures(tasks).map(({ state }) => state);
  const judging = judgingOf(run, tasks, policy === undefined ? {} : { failurePolicy: policy });
  const subject = `run ${textAt(raw, 'run_id') ?? 'as recorded'}`;
  return explainState({ subject, state: readRunState(raw), failedTasks }, judging);
}

/** Explains what a task has kept of its failed run: `customInfo`, without the tasks that went through. */
export function explainCustomInfo(customInfo: JsonObject, policy?: JsonObject): FailureExplanation {
  const { life_cycle_state, result_state, state_message, code, type, run_id } = customInfo;
  const causes = objectsAt(customInfo, 'causes').map((cause) => ({
    task_key: cause['taskKey'] ?? '',
    state: { life_cycle_state: 'TERMINATED', result_state: 'FAILED' },
    status: { termination_details: compact({ code: cause['code'], type: cause['type'] }) },
  }));
  const raw = {
    ...compact({ run_id }),
    state: compact({ life_cycle_state, result_state, state_message }),
    status: { termination_details: compact({ code, type }) },
    tasks: causes,
  };
  return explainRun(raw, policy);
}

/** What may be true of a run besides, each told where it changes the outcome. */
const SITUATIONS: readonly { readonly when: string; readonly run: Partial<RunFacts> }[] = [
  { when: 'some of several tasks succeeded', run: { tasks: 2, succeededTasks: 1 } },
  { when: 'on spot instances', run: { usesSpot: true } },
];

function explainRow(row: FailureRow, policy: FailurePolicy): FailureExplanation[] {
  const subject = `${row.kind} ${row.name}`;
  const state = sampleState(row.kind, row.name);
  const explain = (sample: RunState, run: Partial<RunFacts>): FailureExplanation =>
    explainState(
      { subject, state: sample, failedTasks: [] },
      { ...PLAIN_JUDGING, policy, run: { ...PLAIN_JUDGING.run, ...run } },
    );
  const usual = explain(state, {});
  const special = [
    ...SITUATIONS.map(({ when, run }) => ({ ...explain(state, run), when })),
    ...(row.dependsOnType === true && row.kind === 'code'
      ? [{ ...explain({ ...state, terminationType: 'CLIENT_ERROR' }, {}), when: 'of type CLIENT_ERROR' }]
      : []),
  ];
  return [usual, ...special.filter((case_) => case_.action !== usual.action)];
}

function sampleState(kind: FailureKind, name: string): RunState {
  const failed = { lifeCycle: 'TERMINATED', result: 'FAILED' };
  switch (kind) {
    case 'code':
      return { ...failed, ...resultOf(name), terminationCode: name };
    case 'type':
      return { ...failed, terminationType: name };
    case 'result':
      return { ...failed, result: name };
    case 'words':
      return { ...failed, terminationCode: 'CLUSTER_ERROR', stateMessage: name };
    default:
      return kind satisfies never;
  }
}

/** Codes that come with a result of the same name. */
function resultOf(code: string): Pick<RunState, 'result'> {
  if (code === 'SUCCESS_WITH_FAILURES') return { result: code };
  return code === 'USER_CANCELED' || code === 'CANCELED' ? { result: 'CANCELED' } : {};
}

interface Explained {
  readonly subject: string;
  readonly state: RunState;
  readonly failedTasks: readonly RunState[];
}

function explainState({ subject, state, failedTasks }: Explained, judging: Judging): FailureExplanation {
  const { verdict, message } = mapRunState(state, failedTasks, judging);
  if (verdict === undefined) {
    const reason = `the run has not ended (${message})`;
    return { subject, cause: 'none', action: 'wait', reason, decidedBy: 'table', next: 'nothing' };
  }
  if (verdict.kind === 'succeeded') {
    const decidedBy = state.result === 'SUCCESS' ? 'table' : 'the task’s policy';
    return { subject, cause: 'none', action: 'succeed', reason: message, decidedBy, next: 'nothing' };
  }
  const { cause, decision, decidedBy } = explainFailure({ state, failedTasks }, judging);
  const { action, reason } = decision;
  const by = decidedBy === undefined ? 'table' : `onFailure.${decidedBy}`;
  return { subject, cause, action, reason, decidedBy: by, next: describeNext(decision) };
}

function describeNext(decision: AttemptDecision): string {
  switch (decision.action) {
    case 'fail':
      return 'no further attempt';
    case 'retry':
      return 'a new run of the same body';
    case 'retryAfter':
      return `a new run of the same body after ${Math.round(decision.delayMs / 1000)} s`;
    case 'repair':
      return 'the same run: what failed, and what depends on it';
    case 'resubmit': {
      const change = parseComputeChange('compute', objectAt(decision.patch, 'compute'));
      return `a new run of the same body, ${describeComputeChange(change)}`;
    }
    default:
      return decision satisfies never;
  }
}
