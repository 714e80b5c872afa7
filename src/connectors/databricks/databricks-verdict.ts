import type { AttemptDecision, ErrorCode, FailureCause, Verdict } from '../../connector';
import { ON_DEMAND, type ComputeChange } from './databricks-compute';
import {
  DEFAULT_FAILURE_POLICY,
  DEFAULT_KEY,
  type FailureAction,
  type FailurePolicy,
} from './databricks-failure-policy';
import { findRow, findTellingRow, quotaPauseMs, type FailureRow } from './databricks-failure-table';
import type { RunState } from './databricks-state';

/** What else counts for a decision: what the task wants, and what is known of the run and of the task's past. */
export interface Judging {
  readonly policy: FailurePolicy;
  /** How often in a row the task has waited for a quota. */
  readonly quotaWaits: number;
  readonly run: RunFacts;
}

export interface RunFacts {
  readonly tasks: number;
  readonly succeededTasks: number;
  /** A run of a saved job: its compute is the job's, and no attempt can change it. */
  readonly isOfJob: boolean;
  readonly usesSpot: boolean;
  readonly wasRepaired: boolean;
}

export const PLAIN_JUDGING: Judging = {
  policy: DEFAULT_FAILURE_POLICY,
  quotaWaits: 0,
  run: { tasks: 1, succeededTasks: 0, isOfJob: false, usesSpot: false, wasRepaired: false },
};

/** How a failure was judged, and by what. */
export interface Judgement {
  readonly code: ErrorCode;
  readonly cause: FailureCause;
  readonly decision: AttemptDecision;
  /** The key of the task's `onFailure` that decided; absent where the table did. */
  readonly decidedBy?: string;
}

/** Why a run failed, as far as its words tell. */
interface Finding extends Pick<FailureRow, 'cause' | 'action' | 'pauseMs'> {
  readonly reason: string;
}

/** A failed run: its own state, and those of the tasks that failed first. */
export interface FailedRun {
  readonly state: RunState;
  readonly failedTasks: readonly RunState[];
}

/** The verdict on a run that ended without success: what it is called, whose fault it is, what to do. */
export function judgeFailure(failed: FailedRun, judging: Judging = PLAIN_JUDGING): Verdict {
  const { code, cause, decision } = explainFailure(failed, judging);
  return { kind: 'failed', code, cause, decision };
}

/** As {@link judgeFailure}, with what decided. */
export function explainFailure(failed: FailedRun, judging: Judging): Judgement {
  const canceled = isCanceled(failed.state);
  const finding = findCause(failed);
  const code = canceled ? 'JOB_CANCELED_EXTERNALLY' : 'JOB_FAILED';
  const { cause } = finding;
  const own = findOwnAction(failed, judging.policy);
  if (own !== undefined) {
    return { code, cause, decision: applyOwnAction(own, finding.reason), decidedBy: own.key };
  }
  const decision = canceled ? leaveCanceled(failed.state) : decide(finding, judging);
  return { code, cause, decision };
}

/** A run that Databricks stopped for its time-out was not canceled by anybody. */
function isCanceled(state: RunState): boolean {
  if (state.result === 'TIMEDOUT') return false;
  if (state.result === 'CANCELED' || state.result === 'UPSTREAM_CANCELED') return true;
  return state.terminationCode === 'USER_CANCELED' || state.terminationCode === 'CANCELED';
}

function leaveCanceled(state: RunState): AttemptDecision {
  const word = state.terminationCode ?? state.result ?? 'CANCELED';
  return { action: 'fail', reason: `Databricks reports the run as canceled (${word})` };
}

/** Code and type first, then the result, then the tasks that failed first; the life cycle alone decides nothing. */
function findCause({ state, failedTasks }: FailedRun): Finding {
  const messages = [state, ...failedTasks].flatMap(messagesOf);
  return (
    findByTermination(state, messages) ??
    findByResult(state) ??
    findByTasks(failedTasks, messages) ??
    unknown('Databricks does not say whose fault it was')
  );
}

function messagesOf({ stateMessage = '', terminationMessage = '' }: RunState): string[] {
  return [stateMessage, terminationMessage];
}

function findByTermination(state: RunState, messages: readonly string[]): Finding | undefined {
  const { terminationCode: code, terminationType: type } = state;
  if (code === undefined) return findByType(type, messages);
  const row = findRow('code', code);
  if (row === undefined) {
    return findByType(type, messages) ?? unknown(`termination code ${code} says nothing of the cause`);
  }
  if (row.isVague === true) return undefined;
  const isUsers = row.dependsOnType === true && type === 'CLIENT_ERROR';
  return (
    findByWords(row, messages) ??
    (isUsers ? users(`${code} of type CLIENT_ERROR does not go away by itself`) : toFinding(row, code))
  );
}

function findByType(type: string | undefined, messages: readonly string[]): Finding | undefined {
  const row = findRow('type', type);
  if (row === undefined) return undefined;
  return findByWords(row, messages) ?? toFinding(row, `termination type ${row.name}`);
}

function findByWords(row: FailureRow, messages: readonly string[]): Finding | undefined {
  const telling = row.hasTellingWords === true ? findTellingRow(messages) : undefined;
  return telling === undefined ? undefined : toFinding(telling, telling.name);
}

function findByResult({ result }: RunState): Finding | undefined {
  const row = findRow('result', result);
  return row === undefined || row.isVague === true ? undefined : toFinding(row, row.name);
}

/** An ordinary failure of the user's code reaches the run as INTERNAL_ERROR: the task tells them apart. */
function findByTasks(failedTasks: readonly RunState[], messages: readonly string[]): Finding | undefined {
  const explained = failedTasks
    .map((task) => findByTermination(task, messages) ?? findByResult(task))
    .find(Boolean);
  if (explained !== undefined) return explained;
  if (failedTasks.some(({ lifeCycle, result }) => lifeCycle === 'TERMINATED' && result === 'FAILED')) {
    return users("a task's own code failed");
  }
  if (failedTasks.length > 0 && failedTasks.every(({ lifeCycle }) => lifeCycle === 'INTERNAL_ERROR')) {
    const reason = 'every failed task ended in INTERNAL_ERROR, which is trouble of the platform';
    return { cause: 'platform', action: 'again', reason };
  }
  return undefined;
}

function toFinding({ cause, action, meaning, pauseMs }: FailureRow, subject: string): Finding {
  const pause = pauseMs === undefined ? {} : { pauseMs };
  return { cause, action, reason: `${subject} ${meaning}`, ...pause };
}

function users(reason: string): Finding {
  return { cause: 'user', action: 'fail', reason };
}

function unknown(reason: string): Finding {
  return { cause: 'unknown', action: 'fail', reason };
}

/** What the table comes to for this run. */
function decide(finding: Finding, { run, quotaWaits }: Judging): AttemptDecision {
  const { action, reason } = finding;
  switch (action) {
    case 'fail':
      return { action, reason };
    case 'later':
      return { action: 'retryAfter', delayMs: quotaPauseMs(finding, quotaWaits), reason };
    case 'again':
      return again(reason, run);
    case 'on demand':
      return onDemand(reason, run);
    default:
      return action satisfies never;
  }
}

/** What has gone through need not run again. */
function again(reason: string, { tasks, succeededTasks }: RunFacts): AttemptDecision {
  if (tasks < 2 || succeededTasks === 0) return { action: 'retry', reason };
  return { action: 'repair', reason: `${reason}; ${succeededTasks} of ${tasks} tasks went through` };
}

/** A repair keeps the compute: it is tried once where it saves work, then everything runs on demand. */
function onDemand(reason: string, run: RunFacts): AttemptDecision {
  const savesWork = run.tasks > 1 && run.succeededTasks > 0 && !run.wasRepaired;
  if (savesWork || run.isOfJob || !run.usesSpot) return again(reason, run);
  return resubmit(ON_DEMAND, `${reason}; on demand instead of spot`);
}

/** The template's part that says how its compute is changed: see `databricks-task.ts`. */
function resubmit(compute: ComputeChange, reason: string): AttemptDecision {
  return { action: 'resubmit', patch: { compute }, reason };
}

interface OwnAction {
  readonly key: string;
  readonly wanted: FailureAction;
}

/** The most specific of the task's own keys; `default` leaves alone what somebody canceled. */
function findOwnAction(failed: FailedRun, { onFailure }: FailurePolicy): OwnAction | undefined {
  const { state, failedTasks } = failed;
  const all = [state, ...failedTasks];
  const keys = [
    ...all.map(({ terminationCode }) => terminationCode),
    state.result,
    ...all.map(({ terminationType }) => terminationType),
    ...(isCanceled(state) ? [] : [DEFAULT_KEY]),
  ];
  for (const key of keys) {
    const wanted = key === undefined ? undefined : onFailure.get(key);
    if (key !== undefined && wanted !== undefined) return { key, wanted };
  }
  return undefined;
}

function applyOwnAction({ key, wanted }: OwnAction, found: string): AttemptDecision {
  const reason = `${found}; the task's onFailure.${key} decides`;
  switch (wanted.action) {
    case 'fail':
    case 'retry':
    case 'repair':
      return { action: wanted.action, reason };
    case 'retryAfter':
      return { ...wanted, reason };
    case 'resubmit':
      return resubmit(wanted.compute, reason);
    default:
      return wanted satisfies never;
  }
}
