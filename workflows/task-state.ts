import { isTerminalPhase } from '../src/connector/phase';
import type { Observed } from '../src/connector/activity-contract';
import type { AttemptDecision, Observation, Verdict } from '../src/connector/observation';
import {
  applyPatch,
  toIdempotencyToken,
  type AdoptedJob,
  type AttemptReceipt,
  type RepairAnswer,
  type TaskInput,
  type TaskState,
} from './task-input';

/** Pure transitions of a task's memory: each takes the state and gives the next one. */

export function openState(input: TaskInput, tokenBase: string, now: number): TaskState {
  const state: TaskState = {
    tokenBase,
    startedAt: now,
    attempt: 0,
    mayBeRunning: false,
    template: input.template,
    resource: { phase: 'QUEUED' },
    attempts: [],
    ...(input.connection === undefined ? {} : { connection: input.connection }),
  };
  return input.adopted === undefined ? state : adopt(state, input.adopted, now);
}

/** A job that somebody else started is the first attempt, already sent: it is looked at, and stopped when canceled. */
function adopt(state: TaskState, { meta, externalId }: AdoptedJob, now: number): TaskState {
  const receipt = { attempt: 1, token: ADOPTED_TOKEN, posts: 0, externalId, submittedAt: now };
  return {
    ...state,
    attempt: 1,
    mayBeRunning: true,
    meta,
    resource: { phase: 'INITIALIZING', message: `following ${externalId}, started by somebody else` },
    next: { kind: 'poll' },
    attempts: [receipt],
  };
}

/** In the place of a token: this task sent none. */
const ADOPTED_TOKEN = 'adopted';

/** A new attempt: a new token, no job yet. */
export function beginAttempt(state: TaskState, now: number): TaskState {
  const {
    meta: _meta,
    next: _next,
    resumeAt: _resumeAt,
    trouble: _trouble,
    prepared: _prepared,
    ...kept
  } = state;
  const attempt = state.attempt + 1;
  const receipt = { attempt, token: toIdempotencyToken({ ...state, attempt }), posts: 0, submittedAt: now };
  return {
    ...kept,
    attempt,
    mayBeRunning: false,
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
  const { trouble: _trouble, resumeAt: _resumeAt, ...kept } = state;
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

/** What an inconsistent observation tells all the same: which job there is to stop. */
export function noteJob(state: TaskState, { observation, externalId }: Observed): TaskState {
  return noteAttempt({ ...state, meta: observation.meta, mayBeRunning: true }, { externalId });
}

/** A repair runs the ended job again: it is the same attempt, and its deadlines count anew. */
export function beginRepair(state: TaskState, now: number): TaskState {
  const attempts = state.attempts.map((row) => {
    if (row.attempt !== state.attempt) return row;
    const { runningAt: _runningAt, endedAt: _endedAt, ...kept } = row;
    return { ...kept, repairs: (row.repairs ?? 0) + 1, repairedAt: now };
  });
  return { ...state, attempts, mayBeRunning: true };
}

export function toRepairAnswer(state: TaskState): RepairAnswer {
  const externalId = state.attempts[state.attempt - 1]?.externalId ?? '';
  return { externalId, phase: state.resource.phase };
}

type Bounds = Pick<TaskInput, 'policy' | 'routing'>;

/** The connector's advice, bounded by what the task allows; attempts and repairs count together. */
export function boundDecision(bounds: Bounds, state: TaskState, verdict: FailedVerdict): AttemptDecision {
  const { policy, routing } = bounds;
  const advised = decisionOn(verdict, policy.onUnknown);
  const { reason } = advised;
  if (advised.action === 'fail') return advised;
  if (advised.action === 'repair' && !routing.repair) {
    return { action: 'fail', reason: `${reason}; the connector does not offer repair` };
  }
  const tries = triesOf(state);
  if (tries < policy.maxAttempts) return advised;
  return { action: 'fail', reason: `${reason}; attempt ${tries} of ${policy.maxAttempts} was the last` };
}

function decisionOn(verdict: FailedVerdict, onUnknown: 'fail' | 'retry'): AttemptDecision {
  if (verdict.code !== 'OUTCOME_UNKNOWN' || onUnknown === 'fail') return verdict.decision;
  return { action: 'retry', reason: 'the outcome is unknown and the task says onUnknown: retry' };
}

function triesOf(state: TaskState): number {
  return state.attempts.reduce((tries, row) => tries + 1 + (row.repairs ?? 0), 0);
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
  if (next.verdict.kind === 'succeeded') return resource.phase === 'SUCCEEDED';
  return isTerminalPhase(resource.phase) && resource.phase !== 'SUCCEEDED';
}
