import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

import { parseConnection } from '../connector/connection';
import { ERROR_TABLE, isErrorCode, type ErrorCode } from '../connector/errors';
import { isJsonObject, type JsonObject } from '../connector/json';
import type { Observation } from '../connector/observation';
import { isTaskPhase } from '../connector/phase';
import { parseTaskTemplate } from '../connector/task-template';
import type { TaskInput, TaskState } from '../../workflows/task-input';
import { toIdempotencyToken } from '../connector/task-names';
import {
  applyDecision,
  beginAttempt,
  beginRepair,
  boundDecision,
  isConsistent,
  noteAttempt,
  noteJob,
  observe,
  openState,
  undoRepair,
} from '../../workflows/task-state';

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** A closed task as its history tells it: what it was started with, and its memory at the end. */
export interface RememberedTask {
  readonly input: TaskInput;
  readonly state: TaskState;
}

/**
 * Rebuilds a task's memory from the history of its last run, as the workflow itself would: its worker may never have
 * come to show it. Undefined for a history that is not a task's.
 */
export function rememberTask(events: readonly HistoryEvent[]): RememberedTask | undefined {
  const [first] = events;
  const started = first?.workflowExecutionStartedEventAttributes;
  const input = parseInput(decode(started?.input?.payloads?.[0]));
  if (first === undefined || !started || input === undefined) return undefined;
  const { carried, template } = input;
  const tokenBase = started.originalExecutionRunId ?? '';
  let state = carried === undefined ? openState(input, tokenBase, timeOf(first)) : { ...carried, template };
  const scheduled = new Map<string, Scheduled>();
  for (const event of events) {
    const begun = event.activityTaskScheduledEventAttributes;
    if (begun) {
      const name = begun.activityType?.name ?? '';
      scheduled.set(String(event.eventId), { name, before: state });
      state = noteScheduled(state, name, { given: decode(begun.input?.payloads?.[0]), now: timeOf(event) });
    }
    state = noteEnded({ input, state }, event, scheduled);
  }
  return { input, state };
}

/** An activity under way. */
interface Scheduled {
  readonly name: string;
  /** What the task remembered before it. */
  readonly before: TaskState;
}

interface Given {
  readonly given: unknown;
  readonly now: number;
}

function noteScheduled(before: TaskState, name: string, { given, now }: Given): TaskState {
  if (!isJsonObject(given)) return before;
  const connection = parseConnection(given['connection']);
  const state = connection === undefined ? before : { ...before, connection };
  const { request, options } = given;
  if (name === 'repair') return beginRepair(state, isJsonObject(options) ? options : {}, now);
  if (name !== 'create' || !isJsonObject(request)) return state;
  const isRepeated = state.attempts.at(-1)?.token === request['idempotencyToken'];
  const template = parseTaskTemplate(request['template']);
  const { prepared } = request;
  return {
    ...(isRepeated ? state : beginAttempt(state, now)),
    template,
    mayBeRunning: true,
    ...(isJsonObject(prepared) ? { prepared } : {}),
  };
}

function noteEnded(
  { input, state }: RememberedTask,
  event: HistoryEvent,
  scheduled: ReadonlyMap<string, Scheduled>,
): TaskState {
  const { activityTaskCompletedEventAttributes: done, activityTaskFailedEventAttributes: failed } = event;
  const { name, before } = scheduled.get(String((done ?? failed)?.scheduledEventId)) ?? {};
  if (failed && name === 'create') return noteRejected(state, failed.failure, timeOf(event));
  if (failed && name === 'repair' && before) return noteUnrepaired(state, failed.failure, before);
  const answer = decode(done?.result?.payloads?.[0]);
  if (!isJsonObject(answer)) return state;
  if (name === 'delete') return noteStopped(withMeta(state, answer), timeOf(event));
  return noteDecision(input, noteAnswer(state, answer, timeOf(event)), timeOf(event));
}

/** What the workflow decides at once about a job that has failed; before a next attempt that is its memory. */
function noteDecision(input: TaskInput, state: TaskState, now: number): TaskState {
  const { next } = state;
  if (next?.kind !== 'done' || next.verdict.kind !== 'failed') return state;
  const { verdict } = next;
  return applyDecision(input, state, { verdict, decision: boundDecision(input, state, verdict), now });
}

/** Like the workflow: a repair that surely did not begin leaves all as it was. Somebody else's goes on. */
function noteUnrepaired(state: TaskState, failure: Failure, before: TaskState): TaskState {
  const { code, posts } = readFailure(failure);
  return posts === 0 && code !== 'JOB_ACTIVE' ? undoRepair(state, before) : state;
}

/** A stop may have begun the repair that it stopped: the next one names it. */
function withMeta(state: TaskState, { meta }: JsonObject): TaskState {
  return isJsonObject(meta) ? { ...state, meta } : state;
}

function noteStopped(state: TaskState, endedAt: number): TaskState {
  return noteAttempt({ ...state, mayBeRunning: false }, { endedAt });
}

/** The answers of `create`, `get`, `execute` and `repair` that hold an observation. */
function noteAnswer(state: TaskState, answer: JsonObject, now: number): TaskState {
  const { observation, externalId, posts } = answer;
  if (!isObservation(observation) || typeof externalId !== 'string') return state;
  const seen = { observation, externalId, now, ...(typeof posts === 'number' ? { posts } : {}) };
  return isConsistent(observation) ? observe(state, seen) : noteJob(state, seen);
}

/** Like the workflow: only a refusal of the only request says that no job came of it. */
function noteRejected(state: TaskState, failure: Failure, endedAt: number): TaskState {
  const { code, posts, isFinal } = readFailure(failure);
  const isLate = ERROR_TABLE[code].retryable && !isFinal; // a deadline ended its tries
  const isRefused = code === 'RATE_LIMITED' && isFinal; // for all of quotaBudget
  const isUnclear = code === 'OUTCOME_UNKNOWN' || code === 'INTERNAL' || isLate || (posts ?? 0) > 1;
  const isUnknown = isUnclear && !isRefused;
  const noted = noteAttempt(state, posts === undefined ? {} : { posts });
  return isUnknown && posts !== 0 ? noted : noteStopped(noted, endedAt);
}

type Failure = temporal.api.failure.v1.IFailure | null | undefined;

interface ReadFailure {
  readonly code: ErrorCode;
  readonly posts: number | undefined;
  readonly isFinal: boolean;
}

function readFailure(failure: Failure): ReadFailure {
  const info = failure?.applicationFailureInfo;
  const details = decode(info?.details?.payloads?.[0]);
  const posts = isJsonObject(details) && typeof details['posts'] === 'number' ? details['posts'] : undefined;
  const code = isErrorCode(info?.type) ? info.type : 'OUTCOME_UNKNOWN';
  return { code, posts, isFinal: info?.nonRetryable === true };
}

function isObservation(value: unknown): value is Observation {
  if (!isJsonObject(value)) return false;
  const { meta, resource, next } = value;
  return isJsonObject(meta) && isJsonObject(resource) && isTaskPhase(resource['phase']) && isJsonObject(next);
}

/** Written by our own client: only what this module itself relies on is checked. */
function parseInput(value: unknown): TaskInput | undefined {
  if (!isJsonObject(value)) return undefined;
  const { template, routing, policy } = value;
  if (!isJsonObject(template) || !isJsonObject(routing) || !isJsonObject(policy)) return undefined;
  return value as unknown as TaskInput;
}

/** The token of the attempt that was under way. */
export function currentToken({ state }: RememberedTask): string {
  return state.attempts.at(-1)?.token ?? toIdempotencyToken(state);
}

/** Undefined for what is no JSON of ours. */
function decode(payload: temporal.api.common.v1.IPayload | null | undefined): unknown {
  if (!payload) return undefined;
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch {
    return undefined;
  }
}

function timeOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + Math.floor((eventTime?.nanos ?? 0) / 1e6);
}
