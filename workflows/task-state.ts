import { isTerminalPhase } from '../src/connector/phase';
import { toIdempotencyToken } from '../src/connector/task-names';
import type { Observed } from '../src/connector/activity-contract';
import type { JsonObject } from '../src/connector/json';
import type { AttemptDecision, Observation, Verdict } from '../src/connector/observation';
import type { TaskPolicy } from '../src/connector/task-policy';
import { isQuotaWait, waitedForQuotaMs } from './quota';
import {
  applyPatch,
  type AdoptedJob,
  type AttemptReceipt,
  type RepairAnswer,
  type RepairedEnd,
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
    failed: _failed,
    repairing: _repairing,
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
  const { trouble: _trouble, resumeAt: _resumeAt, failed: _failed, repairing: _repairing, ...kept } = state;
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
export function beginRepair(state: TaskState, options: JsonObject, now: number): TaskState {
  const reopened = reopenAttempt(state, now);
  const repairs = (state.attempts[state.attempt - 1]?.repairs ?? 0) + 1;
  return { ...noteAttempt(reopened, { repairs }), mayBeRunning: true, repairing: options };
}

/** The attempt's job runs again: how it had ended is kept. */
export function reopenAttempt(state: TaskState, now: number): TaskState {
  const attempts = state.attempts.map((row) => {
    if (row.attempt !== state.attempt) return row;
    const {
      runningAt: _runningAt,
      endedAt: _endedAt,
      decision: _decision,
      waitsForQuota: _waits,
      ...kept
    } = row;
    return { ...kept, repairedAt: now, repairedEnds: [...(row.repairedEnds ?? []), toRepairedEnd(row)] };
  });
  return { ...state, attempts };
}

/** As before a repair that surely began nothing, but for what was heard meanwhile: a cancel, other credentials. */
export function undoRepair(state: TaskState, before: TaskState): TaskState {
  const { repairing: _repairing, ...kept } = state;
  const { attempts, mayBeRunning } = before;
  return { ...kept, attempts, mayBeRunning };
}

function toRepairedEnd({ endedAt, phase, message, decision }: AttemptReceipt): RepairedEnd {
  return {
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(phase === undefined ? {} : { phase }),
    ...(message === undefined ? {} : { message }),
    ...(decision === undefined ? {} : { decision }),
  };
}

export function toRepairAnswer(state: TaskState): RepairAnswer {
  const externalId = state.attempts[state.attempt - 1]?.externalId ?? '';
  return { externalId, phase: state.resource.phase };
}

type Bounds = Pick<TaskInput, 'policy' | 'routing' | 'adopted'>;

/** The connector's advice, bounded by what the task allows; attempts and repairs count together, quotas by time. */
export function boundDecision(bounds: Bounds, state: TaskState, verdict: FailedVerdict): AttemptDecision {
  const { policy } = bounds;
  const advised = offeredDecision(bounds, decisionOn(verdict, policy));
  if (advised.action === 'fail') return advised;
  const spent = isQuotaWait(policy, verdict, advised)
    ? quotaSpent(policy, state)
    : attemptsSpent(policy, state);
  return spent === undefined ? advised : { action: 'fail', reason: `${advised.reason}; ${spent}` };
}

function attemptsSpent({ maxAttempts }: TaskPolicy, state: TaskState): string | undefined {
  const tries = triesOf(state);
  return tries < maxAttempts ? undefined : `attempt ${tries} of ${maxAttempts} was the last`;
}

function quotaSpent({ quotaBudgetMs = 0 }: TaskPolicy, state: TaskState): string | undefined {
  const waitedMs = waitedForQuotaMs(state);
  if (waitedMs < quotaBudgetMs) return undefined;
  return `it did not ease in ${Math.round(waitedMs / 1000)} s, which is all of quotaBudget`;
}

/**
 * A job that somebody else started is never started again here, in whole or in part. A task that was started before its
 * connector offered repair runs again from the start, as it would have then.
 */
function offeredDecision({ routing, adopted }: Bounds, advised: AttemptDecision): AttemptDecision {
  const { action, reason } = advised;
  if (action === 'fail') return advised;
  if (adopted !== undefined) {
    return {
      action: 'fail',
      reason: `${reason}; but this task only follows a job that somebody else started`,
    };
  }
  if (action !== 'repair' || routing.repair) return advised;
  return { action: 'retry', reason: `${reason}; no repair is offered to this task, so all of it runs again` };
}

/** Tasks of older versions know no `onGone`. */
function decisionOn(verdict: FailedVerdict, { onUnknown, onGone }: Partial<TaskPolicy>): AttemptDecision {
  if (verdict.code === 'OUTCOME_UNKNOWN' && onUnknown === 'retry') {
    return { action: 'retry', reason: 'the outcome is unknown and the task says onUnknown: retry' };
  }
  if (verdict.code === 'RUN_GONE' && onGone === 'resubmit') {
    return { action: 'retry', reason: 'the job is gone and the task says onGone: resubmit' };
  }
  return verdict.decision;
}

function triesOf(state: TaskState): number {
  return state.attempts.reduce(
    (tries, row) => tries + (row.waitsForQuota === true ? 0 : 1) + (row.repairs ?? 0),
    0,
  );
}

export type FailedVerdict = Extract<Verdict, { kind: 'failed' }>;

interface Decided {
  readonly verdict: FailedVerdict;
  readonly decision: AttemptDecision;
  readonly now: number;
}

/** Notes what was decided about a job that is over, and plans what follows. */
export function applyDecision(
  { policy }: Pick<Bounds, 'policy'>,
  state: TaskState,
  { verdict, decision, now }: Decided,
): TaskState {
  const isWait = isQuotaWait(policy, verdict, decision);
  return planNextAttempt(isWait ? noteAttempt(state, { waitsForQuota: true }) : state, decision, now);
}

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
