import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

import type { AttemptReceipt, TaskInput, TaskResult } from '../../workflows/task-input';
import type { Observed } from '../connector/activity-contract';
import { isJsonObject, type JsonObject } from '../connector/json';
import type { Resource } from '../connector/resource';
import { toClientError } from './client-errors';
import { firstObject, firstPayload } from './first-payload';
import { atOf } from './task-events';

type History = temporal.api.history.v1.IHistory;
type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

interface Told {
  readonly attempts: readonly AttemptReceipt[];
  readonly resource?: Resource;
}

/**
 * What an open task would leave if it ended now, by its history: its memo has no room for it before its end. Undefined
 * where its run has seen no job yet.
 */
export async function readOpenRecord(client: Client, id: string): Promise<TaskResult | undefined> {
  try {
    return toOpenRecord(await client.workflow.getHandle(id).fetchHistory());
  } catch (error) {
    throw toClientError(error, id);
  }
}

/** Pure. */
function toOpenRecord({ events }: History): TaskResult | undefined {
  const { attempts, resource } = (events ?? []).reduce(next, { attempts: [] });
  if (resource === undefined) return undefined;
  return { resource, receipt: { attempts: [...attempts.slice(0, -1), ...attempts.slice(-1).map(asLast)] } };
}

/** Only of what was gone on from it is known that the job's advice was taken. */
function asLast({ decision, ...row }: AttemptReceipt): AttemptReceipt {
  return decision?.startsWith('fail: ') === true ? { ...row, decision } : row;
}

function next(told: Told, event: HistoryEvent): Told {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started) return startedWith(firstPayload(started.input), atOf(event));
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (scheduled) return asked(told, scheduled.activityType?.name ?? '', { event, scheduled });
  const seen = firstPayload(event.activityTaskCompletedEventAttributes?.result);
  return isObserved(seen) ? observed(told, seen, atOf(event)) : told;
}

function startedWith(value: unknown, now: number): Told {
  if (!isJsonObject(value)) return { attempts: [] };
  const { carried, adopted }: Partial<TaskInput> = value; // our own client or workflow wrote it
  if (carried !== undefined) return { attempts: carried.attempts, resource: carried.resource };
  if (adopted === undefined) return { attempts: [] };
  const { externalId } = adopted;
  return { attempts: [{ attempt: 1, token: 'adopted', posts: 0, externalId, submittedAt: now }] };
}

interface Asked {
  readonly event: HistoryEvent;
  readonly scheduled: temporal.api.history.v1.IActivityTaskScheduledEventAttributes;
}

/** A new attempt is one with a token of its own. */
function asked(told: Told, name: string, { event, scheduled }: Asked): Told {
  const last = told.attempts.at(-1);
  if (name === 'repair') return last?.endedAt === undefined ? told : reopened(told, atOf(event), 1);
  const request = name === 'create' ? firstObject(scheduled.input)['request'] : undefined;
  const token = isJsonObject(request) ? request['idempotencyToken'] : undefined;
  if (typeof token !== 'string' || token === last?.token) return told;
  const row = { attempt: told.attempts.length + 1, token, posts: 0, submittedAt: atOf(event) };
  return { ...told, attempts: [...told.attempts, row] };
}

function reopened(told: Told, now: number, repairs: 0 | 1): Told {
  return patchLast(told, ({ runningAt: _running, endedAt, decision, ...row }) => {
    const { phase, message } = row;
    const end = Object.entries({ endedAt, phase, message, decision }).filter(
      ([, part]) => part !== undefined,
    );
    return {
      ...row,
      ...(repairs === 0 ? {} : { repairs: (row.repairs ?? 0) + repairs }),
      repairedAt: now,
      repairedEnds: [...(row.repairedEnds ?? []), Object.fromEntries(end)],
    };
  });
}

interface Seen extends Observed {
  readonly posts?: number;
}

/** A job that runs again without a repair of ours was repaired elsewhere. */
function observed(told: Told, { observation, externalId, posts }: Seen, now: number): Told {
  const { resource, next: step } = observation;
  const isEnd = step.kind === 'done';
  const before = told.attempts.at(-1)?.endedAt !== undefined && !isEnd ? reopened(told, now, 0) : told;
  const failed = isEnd && step.verdict.kind === 'failed' ? step.verdict.decision : undefined;
  const seen = patchLast(before, (row) => ({
    ...row,
    externalId,
    phase: resource.phase,
    ...(posts === undefined ? {} : { posts }),
    ...(row.runningAt === undefined && resource.phase === 'RUNNING' ? { runningAt: now } : {}),
    ...(resource.message === undefined ? {} : { message: resource.message }),
    ...(isEnd && row.endedAt === undefined ? { endedAt: now } : {}),
    ...(failed === undefined ? {} : { decision: `${failed.action}: ${failed.reason}` }),
  }));
  return { ...seen, resource };
}

function patchLast(told: Told, change: (row: AttemptReceipt) => AttemptReceipt): Told {
  const { attempts } = told;
  return { ...told, attempts: [...attempts.slice(0, -1), ...attempts.slice(-1).map(change)] };
}

/** Workers answer by the contract of activities; other answers have no observation. */
function isObserved(value: unknown): value is Seen & JsonObject {
  if (!isJsonObject(value)) return false;
  const { observation, externalId } = value;
  return isJsonObject(observation) && isJsonObject(observation['resource']) && typeof externalId === 'string';
}
