import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { temporal } from '@temporalio/proto';

import { TASK_MEMO_KEY } from '../connector/task-names';
import { codeOfGrpc } from '../temporal/grpc-errors';
import { EARLIER_RUN_KEY, earlierRunIn } from '../temporal/task-start';
import { parseTaskMemo } from './task-status';

/** Something that happened to a task, as its history tells it. */
export interface TaskEvent {
  /** Epoch milliseconds. */
  readonly at: number;
  /** One line. */
  readonly text: string;
}

type History = temporal.api.history.v1.IHistory;
type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** Runs of one task, one continued by the next: so many are read. */
const MOST_RUNS = 20;

/**
 * Reads a task's events from its history, the runs that it goes on from included; oldest first. An older run that
 * Temporal has forgotten is left out.
 */
export async function readTaskEvents(client: Client, id: string): Promise<TaskEvent[]> {
  const latest = await client.workflow.getHandle(id).fetchHistory();
  const histories: History[] = [latest];
  let runId = goesOnFrom(latest);
  while (runId !== undefined && histories.length < MOST_RUNS) {
    const older = await readOlder(client, id, runId);
    if (older === undefined) break;
    histories.unshift(older);
    runId = goesOnFrom(older);
  }
  return histories.flatMap(toTaskEvents);
}

async function readOlder(client: Client, id: string, runId: string): Promise<History | undefined> {
  try {
    return await client.workflow.getHandle(id, runId).fetchHistory();
  } catch (error) {
    if (codeOfGrpc(error) === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** The run that this one continues, or was opened again from. */
function goesOnFrom(history: History): string | undefined {
  return continuedFrom(history) ?? reopenedFrom(history);
}

function reopenedFrom({ events }: History): string | undefined {
  const fields = events?.[0]?.workflowExecutionStartedEventAttributes?.memo?.fields;
  const payload = fields?.[EARLIER_RUN_KEY];
  if (!payload) return undefined;
  return earlierRunIn({ [EARLIER_RUN_KEY]: defaultPayloadConverter.fromPayload(payload) })?.runId;
}

function continuedFrom({ events }: History): string | undefined {
  const started = events?.[0]?.workflowExecutionStartedEventAttributes;
  const runId = started?.continuedExecutionRunId ?? '';
  return runId === '' ? undefined : runId;
}

/** Each change of what the task showed of itself, what was asked of it, and how it closed. */
function toTaskEvents({ events }: History): TaskEvent[] {
  let shown = '';
  return (events ?? []).flatMap((event) => {
    const text = textOf(event);
    if (text === undefined || text === shown) return [];
    shown = text;
    return [{ at: atOf(event), text }];
  });
}

function textOf(event: HistoryEvent): string | undefined {
  const properties = event.workflowPropertiesModifiedEventAttributes?.upsertedMemo?.fields;
  if (properties) return viewText(properties[TASK_MEMO_KEY]);
  const { workflowExecutionSignaledEventAttributes: signal } = event;
  if (signal?.signalName) return SIGNALS[signal.signalName] ?? `signal ${signal.signalName}`;
  const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name;
  if (update) return `asked: ${update}`;
  if (event.workflowExecutionStartedEventAttributes) {
    return startText({ events: [event] });
  }
  if (event.workflowExecutionCancelRequestedEventAttributes) return 'a cancel was requested';
  return CLOSED[event.eventType ?? 0];
}

/** Of a run that merely continues another, nothing is told. */
function startText(history: History): string | undefined {
  if (continuedFrom(history) !== undefined) return undefined;
  return reopenedFrom(history) === undefined ? 'the task was started' : 'the task was opened again';
}

const SIGNALS: Readonly<Record<string, string>> = {
  cancel: 'asked: cancel',
  nudge: 'asked: look now',
  renewConnection: 'other credentials were handed in',
};

const Type = temporal.api.enums.v1.EventType;
const CLOSED: Readonly<Record<number, string>> = {
  [Type.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED]: 'the task closed: completed',
  [Type.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED]: 'the task closed: failed',
  [Type.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED]: 'the task closed: canceled',
  [Type.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED]: 'the workflow was terminated from outside',
  [Type.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT]: 'the workflow timed out',
};

/** Such as `attempt 2 · RUNNING · run 4711: 3 of 40 tasks done`. */
function viewText(payload: Payload | null | undefined): string | undefined {
  if (!payload) return undefined;
  const { view } = parseTaskMemo({ [TASK_MEMO_KEY]: defaultPayloadConverter.fromPayload(payload) });
  if (view === undefined) return undefined;
  const { attempt, phase, externalId, code, message = '' } = view;
  const head = [
    `attempt ${attempt}`,
    phase,
    ...(externalId === undefined ? [] : [`run ${externalId}`]),
    ...(code === undefined ? [] : [code]),
  ].join(' · ');
  const words = message.split('\n')[0] ?? '';
  return words === '' ? head : `${head}: ${words}`;
}

/** Epoch milliseconds. */
export function atOf({ eventTime: time }: HistoryEvent): number {
  return Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
}
