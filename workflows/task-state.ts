import { isTerminalPhase } from '../src/connector/phase';
import type { Observed } from '../src/connector/activity-contract';
import type { AttemptDecision, Observation, Verdict } from '../src/connector/observation';
import type { TaskPolicy } from '../src/connector/task-policy';
import {
  applyPatch,
  toIdempotencyToken,
  type AttemptReceipt,
  type TaskInput,
  type TaskState,
} from './task-input';

/** Pure transitions of a task's memory: each takes the state and gives the next one. */

export function openState(input: TaskInput, tokenBase: string, now: number): TaskState {
  return {
    tokenBase,
    startedAt: now,
    attempt: 0,
    mayBeRunning: false,
    template: input.template,
    resource: { phase: 'QUEUED' },
    attempts: [],
  };
}

/** A new attempt: a new token, no job yet. */
export function beginAttempt(state: TaskState, now: number): TaskState {
  const { meta: _meta, next: _next, resumeAt: _resumeAt, trouble: _trouble, ...kept } = state;
  const attempt = state.attempt + 1;
  const receipt = { attempt, token: toIdempotencyToken({ ...state, attempt }), posts: 0, submittedAt: now };
  return {
    ...kept,
    attempt,
    mayBeRunning: true,
    resource: { phase: 'QUEUED', message: 'submitting' },
    attempts: [...state.attempts, receipt],
  };
}

export interface Seen extends Observed {
  readonly posts?: number;
  readonly now: number;
}

/** What was seen of the current attempt's job. */
export function observe(state: TaskState, seen: Seen): TaskState {
  const { meta, resource, next } = seen.observation;
  const { trouble: _trouble, ...kept } = state;
  const current = state.attempts[state.attempt - 1];
  const started = current?.runningAt ?? (resource.phase === 'RUNNING' ? seen.now : undefined);
  const terminal = next.kind === 'done';
  const updated: TaskState = { ...kept, meta, resource, next, mayBeRunning: !terminal };
  return noteAttempt(updated, {
    phase: resource.phase,
    externalId: seen.externalId,
    ...(seen.posts === undefined ? {} : { posts: seen.posts }),
    ...(started === undefined ? {} : { runningAt: started }),
    ...(resource.message === undefined ? {} : { message: resource.message.slice(0, RECEIPT_MESSAGE_LIMIT) }),
    ...(terminal ? { endedAt: seen.now } : {}),
  });
}

const RECEIPT_MESSAGE_LIMIT = 200;

export function noteAttempt(state: TaskState, patch: Partial<AttemptReceipt>): TaskState {
  const attempts = state.attempts.map((row) => (row.attempt === state.attempt ? { ...row, ...patch } : row));
  return { ...state, attempts };
}

/** The connector's advice, bounded by what the task allows. */
export function boundDecision(policy: TaskPolicy, state: TaskState, verdict: FailedVerdict): AttemptDecision {
  const { decision } = verdict;
  if (
    verdict.code === 'OUTCOME_UNKNOWN' &&
    policy.onUnknown === 'retry' &&
    state.attempt < policy.maxAttempts
  ) {
    return { action: 'retry', reason: 'the outcome is unknown and the task says onUnknown: retry' };
  }
  if (decision.action === 'fail' || decision.action === 'repair') return decision;
  if (state.attempt < policy.maxAttempts) return decision;
  return {
    action: 'fail',
    reason: `${decision.reason}; attempt ${state.attempt} of ${policy.maxAttempts} was the last`,
  };
}

export type FailedVerdict = Extract<Verdict, { kind: 'failed' }>;

/** Prepares the next attempt: its pause and, for a resubmit, its changed template. */
export function planNextAttempt(state: TaskState, decision: AttemptDecision, now: number): TaskState {
  const { next: _next, ...ended } = state;
  const noted = noteAttempt(ended, { decision: `${decision.action}: ${decision.reason}` });
  switch (decision.action) {
    case 'fail':
    case 'repair':
      return noted;
    case 'retry':
      return { ...noted, resumeAt: now };
    case 'retryAfter':
      return { ...noted, resumeAt: now + decision.delayMs };
    case 'resubmit': {
      const custom = applyPatch(noted.template.custom, decision.patch);
      return { ...noted, resumeAt: now, template: { ...noted.template, custom } };
    }
    default:
      return decision satisfies never;
  }
}

/** A terminal observation without a terminal phase would hang or lie: it is a connector's defect, shown as such. */
export function isConsistent(observation: Observation): boolean {
  const { next, resource } = observation;
  if (next.kind !== 'done') return !isTerminalPhase(resource.phase);
  return next.verdict.kind === 'succeeded' ? resource.phase === 'SUCCEEDED' : resource.phase !== 'SUCCEEDED';
}
