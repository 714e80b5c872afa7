import { endingOfResult } from './endings';
import type { Attempt, AttemptOutput, Ending, Run } from './model';
import type { WireObject } from './wire-json';

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
  /** `queue_details.code` meanwhile; ACTIVE_RUNS_LIMIT_REACHED by default. */
  readonly queueCode?: string;
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
  /** What the task sets by `dbutils.jobs.taskValues`. */
  readonly taskValues?: WireObject;
  /** Fields of `runs/get-output` as they shall be, such as `{sql_output: {…}}` or `{dbt_output: {…}}`. */
  readonly output?: WireObject;
  /** Shown instead of the true state, one after another from the run's creation, until it is canceled. */
  readonly states?: readonly RawState[];
}

export interface OutcomeMatch {
  /** The run's name, with or without a ` [...]` suffix; a trailing `*` stands for anything. */
  readonly runName?: string;
  readonly taskKey?: string;
  /** `attempt_number`, so that a first attempt can fail and its retry or repair succeed. */
  readonly attempt?: number;
  /** Of a for-each task: which of its inputs, from 0. */
  readonly iteration?: number;
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
  const ofTask = [match.taskKey, match.attempt, match.iteration];
  if (attempt === undefined) return ofTask.every((part) => part === undefined);
  if (match.iteration !== undefined && match.iteration !== attempt.input?.index) return false;
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

export function outputOf({ output: fields, ...rest }: Outcome): AttemptOutput {
  const { error, errorTrace, logs, notebookResult, taskValues } = rest;
  return { error, errorTrace, logs, notebookResult, taskValues, fields };
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
