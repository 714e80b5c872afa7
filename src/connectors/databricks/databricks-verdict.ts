import type { AttemptDecision, ErrorCode, FailureCause, Verdict } from '../../connector';
import type { RunState } from './databricks-state';

/** Whose fault a termination code names; `either` lets the termination type decide. */
type CodeCause = 'user' | 'platform' | 'either' | 'quota' | 'leave';

interface CodeRow {
  readonly cause: CodeCause;
  /** For quotas: how long until another run has a chance. */
  readonly delayMs?: number;
}

const MINUTE_MS = 60_000;
const FIVE_MINUTES_MS = 5 * MINUTE_MS;

/**
 * `termination_details.code` → whose fault. Databricks names the codes and not the blame: the classification is ours
 * and deliberately cautious, because every `retry` costs a whole run. Source: docs.databricks.com Jobs API 2.2.
 */
const CODE_TABLE: ReadonlyMap<string, CodeRow> = new Map<string, CodeRow>([
  ['SUCCESS_WITH_FAILURES', { cause: 'user' }],
  ['USER_CANCELED', { cause: 'user' }],
  ['SKIPPED', { cause: 'user' }],
  ['DISABLED', { cause: 'user' }],
  ['CLUSTER_TERMINATED_BY_USER', { cause: 'user' }],
  ['INVALID_CLUSTER_REQUEST', { cause: 'user' }],
  ['BUDGET_POLICY_LIMIT_EXCEEDED', { cause: 'user' }],
  ['FEATURE_DISABLED', { cause: 'user' }],
  ['RUN_EXECUTION_ERROR', { cause: 'user' }],
  ['UNAUTHORIZED_ERROR', { cause: 'user' }],
  ['RESOURCE_NOT_FOUND', { cause: 'user' }],
  ['INVALID_RUN_CONFIGURATION', { cause: 'user' }],
  ['INTERNAL_ERROR', { cause: 'platform' }],
  ['CLOUD_FAILURE', { cause: 'platform' }],
  ['DRIVER_ERROR', { cause: 'either' }],
  ['CLUSTER_ERROR', { cause: 'either' }],
  ['REPOSITORY_CHECKOUT_FAILED', { cause: 'either' }],
  ['STORAGE_ACCESS_ERROR', { cause: 'either' }],
  ['LIBRARY_INSTALLATION_ERROR', { cause: 'either' }],
  ['WORKSPACE_RUN_LIMIT_EXCEEDED', { cause: 'quota', delayMs: FIVE_MINUTES_MS }],
  ['MAX_JOB_QUEUE_SIZE_EXCEEDED', { cause: 'quota', delayMs: FIVE_MINUTES_MS }],
  ['CLUSTER_REQUEST_LIMIT_EXCEEDED', { cause: 'quota', delayMs: MINUTE_MS }],
  ['MAX_CONCURRENT_RUNS_EXCEEDED', { cause: 'quota', delayMs: MINUTE_MS }],
  ['MAX_SPARK_CONTEXTS_EXCEEDED', { cause: 'quota', delayMs: MINUTE_MS }],
  ['BREAKING_CHANGE', { cause: 'leave' }],
]);

interface Blame {
  readonly cause: FailureCause;
  readonly decision: AttemptDecision;
}

/** The verdict on a run that ended without success: what it is called, whose fault it is, what to do. */
export function judgeFailure(state: RunState, failedTasks: readonly RunState[]): Verdict {
  const blame = blameRun(state, failedTasks);
  if (isCanceled(state)) {
    const reason = `Databricks reports the run as canceled (${state.terminationCode ?? state.result ?? 'CANCELED'})`;
    return failed('JOB_CANCELED_EXTERNALLY', { cause: blame.cause, decision: { action: 'fail', reason } });
  }
  return failed('JOB_FAILED', blame);
}

function failed(code: ErrorCode, blame: Blame): Verdict {
  return { kind: 'failed', code, ...blame };
}

/** A run that Databricks stopped for its time-out was not canceled by anybody. */
function isCanceled(state: RunState): boolean {
  if (state.result === 'TIMEDOUT') return false;
  if (state.result === 'CANCELED' || state.result === 'UPSTREAM_CANCELED') return true;
  return state.terminationCode === 'USER_CANCELED' || state.terminationCode === 'CANCELED';
}

/** Code and type first, then the result, then the tasks that failed first; the life cycle alone decides nothing. */
function blameRun(state: RunState, failedTasks: readonly RunState[]): Blame {
  return (
    blameByTermination(state) ??
    blameByResult(state) ??
    blameByTasks(failedTasks) ??
    fail('unknown', 'Databricks does not say whose fault it was')
  );
}

function blameByTermination(state: RunState): Blame | undefined {
  const { terminationCode: code, terminationType: type } = state;
  if (code === undefined) return blameByType(type);
  // SUCCESS beside a failed result is a contradiction, CANCELED may be a time-out: neither explains anything.
  if (code === 'SUCCESS' || code === 'CANCELED') return undefined;
  const row = CODE_TABLE.get(code);
  if (row === undefined) {
    return blameByType(type) ?? fail('unknown', `termination code ${code} says nothing of the cause`);
  }
  switch (row.cause) {
    case 'user':
      return fail('user', `${code} does not go away by itself`);
    case 'leave':
      return fail('platform', `Databricks itself runs again after ${code}`);
    case 'quota':
      return later(code, row.delayMs ?? MINUTE_MS);
    case 'platform':
    case 'either':
      return type === 'CLIENT_ERROR'
        ? fail('user', `${code} of type CLIENT_ERROR does not go away by itself`)
        : retry(`${code} is trouble of the platform`);
    default:
      return row.cause satisfies never;
  }
}

function blameByType(type: string | undefined): Blame | undefined {
  if (type === 'CLIENT_ERROR') {
    return fail('user', 'termination type CLIENT_ERROR does not go away by itself');
  }
  if (type === 'INTERNAL_ERROR' || type === 'CLOUD_FAILURE') {
    return retry(`termination type ${type} is trouble of the platform`);
  }
  return undefined;
}

function blameByResult({ result = '' }: RunState): Blame | undefined {
  switch (result) {
    case 'MAXIMUM_CONCURRENT_RUNS_REACHED':
      return later(result, MINUTE_MS);
    case 'TIMEDOUT':
      return fail('user', 'the run exceeded its own timeout_seconds');
    case 'SUCCESS_WITH_FAILURES':
      return fail('user', 'some tasks failed although the run as a whole went through');
    case 'EXCLUDED':
    case 'DISABLED':
      return fail('user', `${result} means that nothing was run`);
    default:
      return undefined;
  }
}

/** An ordinary failure of the user's code reaches the run as INTERNAL_ERROR: the task tells them apart. */
function blameByTasks(failedTasks: readonly RunState[]): Blame | undefined {
  const explained = failedTasks.map((task) => blameByTermination(task) ?? blameByResult(task)).find(Boolean);
  if (explained !== undefined) return explained;
  if (failedTasks.some(({ lifeCycle, result }) => lifeCycle === 'TERMINATED' && result === 'FAILED')) {
    return fail('user', "a task's own code failed");
  }
  if (failedTasks.length > 0 && failedTasks.every(({ lifeCycle }) => lifeCycle === 'INTERNAL_ERROR')) {
    return retry('every failed task ended in INTERNAL_ERROR, which is trouble of the platform');
  }
  return undefined;
}

function fail(cause: FailureCause, reason: string): Blame {
  return { cause, decision: { action: 'fail', reason } };
}

function retry(reason: string): Blame {
  return { cause: 'platform', decision: { action: 'retry', reason } };
}

function later(code: string, delayMs: number): Blame {
  const reason = `${code} is a limit that eases with time`;
  return { cause: 'quota', decision: { action: 'retryAfter', delayMs, reason } };
}
