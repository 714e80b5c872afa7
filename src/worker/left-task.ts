import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

import { parseConnection } from '../connector/connection';
import { isErrorCode } from '../connector/errors';
import { isJsonObject, type JsonObject } from '../connector/json';
import type { Observation } from '../connector/observation';
import { isTaskPhase } from '../connector/phase';
import { parseTaskTemplate } from '../connector/task-template';
import type { TaskInput, TaskState } from '../../workflows/task-input';
import { toIdempotencyToken } from '../connector/task-names';
import {
  beginAttempt,
  beginRepair,
  isConsistent,
  noteAttempt,
  noteJob,
  observe,
  openState,
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
  const scheduled = new Map<string, string>();
  for (const event of events) {
    const begun = event.activityTaskScheduledEventAttributes;
    if (begun) {
      scheduled.set(String(event.eventId), begun.activityType?.name ?? '');
      state = noteScheduled(state, begun.activityType?.name ?? '', {
        given: decode(begun.input?.payloads?.[0]),
        now: timeOf(event),
      });
    }
    state = noteEnded(state, event, scheduled);
  }
  return { input, state };
}

interface Scheduled {
  readonly given: unknown;
  readonly now: number;
}

function noteScheduled(before: TaskState, name: string, { given, now }: Scheduled): TaskState {
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

function noteEnded(state: TaskState, event: HistoryEvent, scheduled: ReadonlyMap<string, string>): TaskState {
  const { activityTaskCompletedEventAttributes: done, activityTaskFailedEventAttributes: failed } = event;
  const name = scheduled.get(String((done ?? failed)?.scheduledEventId));
  if (failed && name === 'create') return noteRejected(state, failed.failure, timeOf(event));
  const answer = decode(done?.result?.payloads?.[0]);
  if (!isJsonObject(answer)) return state;
  if (name === 'delete') return noteStopped(state, timeOf(event));
  return noteAnswer(state, answer, timeOf(event));
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
function noteRejected(
  state: TaskState,
  failure: temporal.api.failure.v1.IFailure | null | undefined,
  endedAt: number,
): TaskState {
  const info = failure?.applicationFailureInfo;
  const details = decode(info?.details?.payloads?.[0]);
  const posts = isJsonObject(details) && typeof details['posts'] === 'number' ? details['posts'] : undefined;
  const code = isErrorCode(info?.type) ? info.type : 'OUTCOME_UNKNOWN';
  const isUnknown = code === 'OUTCOME_UNKNOWN' || (code === 'INTERNAL' && posts !== 0) || (posts ?? 0) > 1;
  const noted = noteAttempt(state, posts === undefined ? {} : { posts });
  return isUnknown && posts !== 0 ? noted : noteStopped(noted, endedAt);
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
