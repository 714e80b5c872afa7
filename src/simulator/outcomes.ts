import { endingOfResult } from './endings';
import type { Attempt, Ending, Run } from './model';
import { readText, type WireObject } from './wire-json';

/** One raw state as `runs/get` shall show it, known to anyone or not. Unset fields stay as they would be. */
export interface RawState {
  readonly lifeCycleState?: string;
  /** `null` removes it. */
  readonly resultState?: string | null;
  readonly stateMessage?: string;
  /** The v2 `status.state`; `null` removes `status` altogether. */
  readonly statusState?: string | null;
  readonly terminationCode?: string;
  readonly terminationType?: string;
  /** How long it is shown, in simulated ms. Default 1000; the last one stays for good unless this is set. */
  readonly forMs?: number;
}

/** What becomes of a task that is not really run. Times are simulated milliseconds. */
export interface Outcome {
  /** Keeps the whole run QUEUED so long, counted from its creation. */
  readonly queuedMs?: number;
  readonly pendingMs?: number;
  readonly runMs?: number;
  readonly result?: string;
  readonly lifeCycleState?: string;
  readonly terminationCode?: string;
  readonly terminationType?: string;
  readonly message?: string;
  readonly error?: string;
  readonly errorTrace?: string;
  readonly logs?: string;
  readonly notebookResult?: string;
  /** Shown instead of the true state, one after another from the run's creation, until it is canceled. */
  readonly states?: readonly RawState[];
}

export interface OutcomeMatch {
  /** The run's name, with or without a ` [...]` suffix; a trailing `*` stands for anything. */
  readonly runName?: string;
  readonly taskKey?: string;
  /** `attempt_number`, so that a first attempt can fail and its retry or repair succeed. */
  readonly attempt?: number;
}

/** Applies to every run and task it matches, those already running included; of several the latest set wins. */
export interface OutcomeRule {
  readonly match: OutcomeMatch;
  readonly outcome: Outcome;
}

export function outcomeOf(rules: readonly OutcomeRule[], run: Run, attempt?: Attempt): Outcome | undefined {
  return rules.findLast(({ match }) => matches(match, run, attempt))?.outcome;
}

function matches(match: OutcomeMatch, run: Run, attempt: Attempt | undefined): boolean {
  if (match.runName !== undefined && !matchesName(match.runName, run.name)) return false;
  if (attempt === undefined) return match.taskKey === undefined && match.attempt === undefined;
  if (match.taskKey !== undefined && match.taskKey !== attempt.taskKey) return false;
  return match.attempt === undefined || match.attempt === attempt.number;
}

function matchesName(wanted: string, name: string): boolean {
  if (wanted.endsWith('*')) return name.startsWith(wanted.slice(0, -1));
  return name === wanted || name.startsWith(`${wanted} [`);
}

/** Does the script replace a program that could really be run, or only dress up what is shown around it? */
export function decidesTheEnd(outcome: Outcome | undefined): boolean {
  return (outcome?.result ?? outcome?.lifeCycleState ?? outcome?.runMs) !== undefined;
}

export function scriptedEnding(outcome: Outcome): Ending {
  const usual = endingOfResult(outcome.result ?? 'SUCCESS');
  return {
    ...usual,
    lifeCycle: outcome.lifeCycleState ?? usual.lifeCycle,
    code: outcome.terminationCode ?? usual.code,
    type: outcome.terminationType ?? usual.type,
    message: outcome.message ?? usual.message,
  };
}

/** The raw state to show at `now`, if the script has one for this moment. */
export function rawStateAt(
  outcome: Outcome | undefined,
  createdAt: number,
  now: number,
): RawState | undefined {
  const states = outcome?.states ?? [];
  let until = createdAt;
  for (const [index, state] of states.entries()) {
    until += state.forMs ?? (index === states.length - 1 ? Number.POSITIVE_INFINITY : 1000);
    if (now < until) return state;
  }
  return undefined;
}

/** Evaluates a `condition_task`: equality compares strings, order compares numbers. */
export function evaluateCondition(condition: WireObject): 'true' | 'false' {
  const left = readText(condition, 'left') ?? '';
  const right = readText(condition, 'right') ?? '';
  return compare(readText(condition, 'op') ?? '', left, right) ? 'true' : 'false';
}

function compare(op: string, left: string, right: string): boolean {
  switch (op) {
    case 'EQUAL_TO':
      return left === right;
    case 'NOT_EQUAL':
      return left !== right;
    case 'GREATER_THAN':
      return Number(left) > Number(right);
    case 'GREATER_THAN_OR_EQUAL':
      return Number(left) >= Number(right);
    case 'LESS_THAN':
      return Number(left) < Number(right);
    case 'LESS_THAN_OR_EQUAL':
      return Number(left) <= Number(right);
    default:
      return false;
  }
}
