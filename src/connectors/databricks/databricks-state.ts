import type { JsonObject, TaskPhase, Verdict } from '../../connector';
import { objectAt, textAt } from './databricks-json';
import type { Leniency } from './databricks-failure-policy';
import { judgeFailure, PLAIN_JUDGING, type Judging } from './databricks-verdict';

/** What a run or task run says of its state, in Databricks' own words: v1 `state` and v2 `status`. */
export interface RunState {
  readonly lifeCycle?: string | undefined;
  readonly result?: string | undefined;
  readonly stateMessage?: string | undefined;
  readonly queueReason?: string | undefined;
  /** `status.state` */
  readonly status?: string | undefined;
  readonly queueCode?: string | undefined;
  readonly queueMessage?: string | undefined;
  readonly terminationCode?: string | undefined;
  readonly terminationType?: string | undefined;
  readonly terminationMessage?: string | undefined;
}

/** A state, mapped. `verdict` is there exactly when `isTerminal`. */
export interface RunStateView {
  readonly phase: TaskPhase;
  readonly isTerminal: boolean;
  /** The raw words with Databricks' own explanation behind them. */
  readonly message: string;
  readonly verdict?: Verdict;
  /** Green only because the task says so. */
  readonly isWarning?: boolean;
}

/** Flyte's meaning, kept by name: is there a `result_state`? True for TERMINATED only. */
export function resultStateIsAvailable(lifeCycleState: string | undefined): boolean {
  return lifeCycleState === 'TERMINATED';
}

const TERMINAL_LIFE_CYCLES: ReadonlySet<string> = new Set(['TERMINATED', 'SKIPPED', 'INTERNAL_ERROR']);

/** BLOCKED and WAITING_FOR_RETRY hold no compute and will go on by themselves: they wait for resources. */
const ACTIVE_LIFE_CYCLES: ReadonlyMap<string, TaskPhase> = new Map([
  ['QUEUED', 'QUEUED'],
  ['PENDING', 'INITIALIZING'],
  ['BLOCKED', 'WAITING_FOR_RESOURCES'],
  ['WAITING_FOR_RETRY', 'WAITING_FOR_RESOURCES'],
  ['RUNNING', 'RUNNING'],
  ['TERMINATING', 'RUNNING'],
]);

const ACTIVE_STATUSES: ReadonlyMap<string, TaskPhase> = new Map([
  ['QUEUED', 'QUEUED'],
  ['PENDING', 'INITIALIZING'],
  ['BLOCKED', 'WAITING_FOR_RESOURCES'],
  ['WAITING', 'WAITING_FOR_RESOURCES'],
  ['RUNNING', 'RUNNING'],
  ['TERMINATING', 'RUNNING'],
]);

/** Reads the state of a run or task run of any shape. */
export function readRunState(run: JsonObject): RunState {
  const state = objectAt(run, 'state');
  const status = objectAt(run, 'status');
  const queue = objectAt(status, 'queue_details');
  const termination = objectAt(status, 'termination_details');
  return {
    lifeCycle: textAt(state, 'life_cycle_state'),
    result: textAt(state, 'result_state'),
    stateMessage: textAt(state, 'state_message'),
    queueReason: textAt(state, 'queue_reason'),
    status: textAt(status, 'state'),
    queueCode: textAt(queue, 'code'),
    queueMessage: textAt(queue, 'message'),
    terminationCode: textAt(termination, 'code'),
    terminationType: textAt(termination, 'type'),
    terminationMessage: textAt(termination, 'message'),
  };
}

/**
 * Maps every combination of states, known or not, without throwing.
 * Green is an allow list (see {@link isSuccess}), to which a task may add two rows (see {@link leniencyFor}). A run is terminal when the life cycle says so and the
 * v2 status does not contradict it; unknown words keep a run open and are shown, unless v2 says TERMINATED.
 * `failedTasks` are the states of the tasks that failed first: they decide whose fault it was when the run itself
 * does not say.
 */
export function mapRunState(
  state: RunState,
  failedTasks: readonly RunState[] = [],
  judging: Judging = PLAIN_JUDGING,
): RunStateView {
  if (!isTerminalState(state)) {
    return { phase: activePhase(state), isTerminal: false, message: describeState(state) };
  }
  if (isSuccess(state)) return succeeded(describeState(state));
  const leniency = leniencyFor(state, judging);
  if (leniency === 'accept') return succeeded(describeState(state));
  if (leniency === 'warn') return { ...succeeded(`Warning: ${describeState(state)}`), isWarning: true };
  const verdict = judgeFailure({ state, failedTasks }, judging);
  return { phase: failurePhase(verdict), isTerminal: true, message: describeState(state), verdict };
}

function succeeded(message: string): RunStateView {
  return { phase: 'SUCCEEDED', isTerminal: true, message, verdict: { kind: 'succeeded' } };
}

/** What a task may call green besides: each row names every word that may stand there. */
function leniencyFor(state: RunState, { policy }: Judging): Leniency {
  if (!isAbsentOr(state.status, 'TERMINATED')) return 'fail';
  const {
    lifeCycle = '',
    result,
    terminationCode: code = 'SUCCESS',
    terminationType: type = 'SUCCESS',
  } = state;
  if (result === 'SUCCESS_WITH_FAILURES') {
    const isPlain = lifeCycle === 'TERMINATED' && type === 'SUCCESS';
    return isPlain && ['SUCCESS', 'SUCCESS_WITH_FAILURES'].includes(code)
      ? policy.onSuccessWithFailures
      : 'fail';
  }
  // Databricks' documents leave open how a run is called in which nothing had to be done; SKIPPED was seen as CLIENT_ERROR.
  if (result !== 'EXCLUDED' || !['TERMINATED', 'SKIPPED'].includes(lifeCycle)) return 'fail';
  const isPlain = ['SUCCESS', 'SKIPPED'].includes(code) && ['SUCCESS', 'CLIENT_ERROR'].includes(type);
  return isPlain ? policy.onExcluded : 'fail';
}

/** Has the run ended, whichever way? Both forms of its state must agree where both speak. */
export function isTerminalState(state: RunState): boolean {
  const { lifeCycle, status } = state;
  const isStatusActive = status !== undefined && ACTIVE_STATUSES.has(status);
  if (lifeCycle !== undefined && TERMINAL_LIFE_CYCLES.has(lifeCycle)) return !isStatusActive;
  if (lifeCycle !== undefined && ACTIVE_LIFE_CYCLES.has(lifeCycle)) return false;
  return status === 'TERMINATED';
}

/** The allow list: TERMINATED with SUCCESS, and nothing in the v2 status that says otherwise. */
function isSuccess(state: RunState): boolean {
  return (
    state.lifeCycle === 'TERMINATED' &&
    state.result === 'SUCCESS' &&
    isAbsentOr(state.status, 'TERMINATED') &&
    isAbsentOr(state.terminationCode, 'SUCCESS') &&
    isAbsentOr(state.terminationType, 'SUCCESS')
  );
}

function isAbsentOr(value: string | undefined, allowed: string): boolean {
  return value === undefined || value === allowed;
}

function activePhase(state: RunState): TaskPhase {
  const byLifeCycle = ACTIVE_LIFE_CYCLES.get(state.lifeCycle ?? '');
  return byLifeCycle ?? ACTIVE_STATUSES.get(state.status ?? '') ?? 'RUNNING';
}

/** Flyte's words: a failure worth another run is retryable, somebody's cancel is an abort. */
function failurePhase(verdict: Verdict): TaskPhase {
  if (verdict.kind === 'succeeded') return 'SUCCEEDED';
  if (verdict.code === 'JOB_CANCELED_EXTERNALLY') return 'ABORTED';
  return verdict.decision.action === 'fail' ? 'FAILED' : 'RETRYABLE_FAILED';
}

/** Such as `TERMINATED/FAILED (RUN_EXECUTION_ERROR): Workload failed`. */
function describeState(state: RunState): string {
  const known = [state.lifeCycle, state.result].filter((word) => word !== undefined).join('/');
  const isKnown = state.lifeCycle !== undefined && isKnownLifeCycle(state.lifeCycle);
  const status = !isKnown && state.status !== undefined ? ` (status ${state.status})` : '';
  const code = describeCode(state);
  const head = `${known === '' ? 'no state given' : known}${status}${code}`;
  const words = state.stateMessage ?? state.terminationMessage ?? state.queueReason ?? state.queueMessage;
  return words === undefined ? head : `${head}: ${words}`;
}

function isKnownLifeCycle(word: string): boolean {
  return TERMINAL_LIFE_CYCLES.has(word) || ACTIVE_LIFE_CYCLES.has(word);
}

function describeCode(state: RunState): string {
  const { terminationCode: code, result } = state;
  if (code === undefined || code === result) return '';
  return ` (${code})`;
}
