import { randomUUID } from 'node:crypto';

import { WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

import type {
  AttemptReceipt,
  CarriedState,
  RepairAnswer,
  TaskInput,
  TaskResult,
} from '../../workflows/task-input';
import { LonghaulError } from '../connector/errors';
import { isJsonObject, type JsonObject } from '../connector/json';
import type { Resource } from '../connector/resource';
import type { ConnectorRegistry } from '../connector/registry';
import { TASK_WORKFLOW_TYPE, toIdempotencyToken } from '../connector/task-names';
import { parseTaskTemplate, type TaskTemplate } from '../connector/task-template';
import { withoutLastStart } from '../temporal/task-start';
import { toClientError, toRefusal } from './client-errors';
import { firstObject } from './first-payload';
import { knownConnector } from './known-connector';
import { leftJobAdvice } from './left-job';
import { toStartOptions } from './start-options';
import { parseTaskMemo, type TaskStatus } from './task-status';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** A repair that is under way. */
export interface RepairedTask {
  readonly id: string;
  /** True when the task had ended and was opened again. */
  readonly reopened: boolean;
  readonly externalId?: string;
}

/** What an ended task was started with: enough to open it again. */
export interface StartedWith {
  readonly input: TaskInput;
  /** Stable under Reset: its tokens are made of it. */
  readonly originalRunId: string;
}

/** Reads the first event of a task's run. Throws as gRPC does. */
export async function readStart(client: Client, workflowId: string, runId: string): Promise<StartedWith> {
  const { namespace } = client.options;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const payload = started?.input?.payloads?.[0];
  if (!payload) throw new LonghaulError('INTERNAL', `The history of task ${workflowId} does not begin.`);
  const input = defaultPayloadConverter.fromPayload<TaskInput>(payload);
  return { input, originalRunId: started.originalExecutionRunId ?? runId };
}

/** As its last attempt was sent: a resubmit may have changed it. Undefined when this run sent none. */
async function readLastTemplate(
  client: Client,
  workflowId: string,
  runId: string,
): Promise<TaskTemplate | undefined> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const sent = (events ?? []).flatMap((event) => requestIn(event)['template'] ?? []).at(-1);
  return sent === undefined ? undefined : parseTaskTemplate(sent);
}

/** What an activity was asked to submit or to repair; empty for any other event. */
function requestIn({ activityTaskScheduledEventAttributes }: HistoryEvent): JsonObject {
  const { request } = firstObject(activityTaskScheduledEventAttributes?.input);
  return isJsonObject(request) ? request : {};
}

/** Only a job that has failed or was canceled is run again. @throws ALREADY_ENDED, NOT_FOUND. */
export function assertRepairable(status: TaskStatus): void {
  const { id, state, phase, meta, jobMayRun } = status;
  if (state === 'COMPLETED') {
    throw new LonghaulError('ALREADY_ENDED', `Task ${id} ${phase}: there is nothing to repair.`);
  }
  if (state === 'TERMINATED' || state === 'TIMED_OUT') {
    const message = `The workflow of task ${id} was ended from outside: nobody knows how its job stands.`;
    throw new LonghaulError('ALREADY_ENDED', message, { advice: `But ${leftJobAdvice(status)}` });
  }
  if (meta !== undefined || state === 'OPEN') return;
  throw new LonghaulError('NOT_FOUND', `Task ${id} has no job that could be repaired.`, {
    advice: jobMayRun === true ? `But ${leftJobAdvice(status)}` : 'run --again starts it anew.',
  });
}

/** Would an ended task be opened again for a repair? False where its connector offers none, or is not known here. */
export function canBeOpenedAgain(
  registry: ConnectorRegistry,
  { meta, state, taskType }: TaskStatus,
): boolean {
  if (meta === undefined || (state !== 'FAILED' && state !== 'CANCELED')) return false;
  return knownConnector(registry, taskType)?.capabilities.repair === true;
}

/** The input by which an ended task goes on: the same task, its earlier attempts, its next tokens; deadlines anew. */
function toReopened(
  { input, originalRunId, lastTemplate }: StartedWith & { readonly lastTemplate: TaskTemplate | undefined },
  { status, result }: EndedTask,
  options: JsonObject,
): TaskInput {
  const tokenBase = input.carried?.tokenBase ?? originalRunId;
  const attempts = allAttempts({ status, result }, tokenBase);
  const meta = result?.meta ?? status.meta;
  const connection = status.connection ?? input.carried?.connection ?? input.connection;
  const carried: CarriedState = {
    tokenBase,
    startedAt: Date.now(),
    attempt: attempts.length,
    mayBeRunning: attempts.at(-1)?.endedAt === undefined, // left to itself, it may still run
    resource: { ...shownBefore(status, result), phase: 'QUEUED', message: 'opened again for a repair' },
    attempts,
    ...failureOf(status, result, input),
    ...(meta === undefined ? {} : { meta }),
    ...(connection === undefined ? {} : { connection }),
  };
  return {
    ...withoutLastStart(input),
    ...(lastTemplate === undefined ? {} : { template: lastTemplate }),
    routing: { ...input.routing, repair: true },
    carried,
    repairFirst: options,
  };
}

/** What shows why it had failed stays in sight, should the repair be refused. Outputs may be too large to travel on. */
function shownBefore({ links }: TaskStatus, result: TaskResult | undefined): Partial<Resource> {
  const { customInfo, logLinks = links } = result?.resource ?? {};
  return { logLinks, ...(customInfo === undefined ? {} : { customInfo }) };
}

/** Why it had failed. After a repair that began nothing that is what it was before: else refusals would pile up. */
function failureOf(
  { state, code, message, cause }: TaskStatus,
  result: TaskResult | undefined,
  { carried }: TaskInput,
): Pick<CarriedState, 'failed'> {
  if (state !== 'FAILED' || code === undefined) return {};
  const before = carried?.attempts.at(-1)?.repairs;
  const hasBegun = result?.receipt.attempts.at(-1)?.repairs !== before;
  if (carried?.failed !== undefined && !hasBegun) return { failed: carried.failed };
  return { failed: { code, message: message ?? code, ...(cause === undefined ? {} : { cause }) } };
}

/**
 * Every attempt at its own place, so that the next one gets a token that none had: of a canceled task only the memo
 * tells, and that keeps the last ones.
 */
function allAttempts({ status, result }: EndedTask, tokenBase: string): AttemptReceipt[] {
  const told = (result ?? status).receipt?.attempts ?? [];
  const count = Math.max(status.attempt, told.at(-1)?.attempt ?? 0);
  return Array.from({ length: count }, (_none, index) => {
    const attempt = index + 1;
    const row = told.find((one) => one.attempt === attempt);
    const untold = { attempt, token: toIdempotencyToken({ tokenBase, attempt }), posts: 0 };
    return row ?? (attempt === count ? { ...untold, ...lastSeen(status) } : untold);
  });
}

function lastSeen({ externalId, closedAt }: TaskStatus): Partial<AttemptReceipt> {
  return {
    ...(externalId === undefined ? {} : { externalId }),
    ...(closedAt === undefined ? {} : { endedAt: closedAt }),
  };
}

interface EndedTask {
  readonly status: TaskStatus;
  readonly result: TaskResult | undefined;
}

/** Hands the repair to a task that waits. @throws what the task answers, JOB_ACTIVE before all. */
export async function repairOpen(client: Client, id: string, options: JsonObject): Promise<RepairedTask> {
  try {
    const handle = client.workflow.getHandle(id);
    const asked = { args: [options] as [JsonObject] };
    const { externalId } = await handle.executeUpdate<RepairAnswer, [JsonObject]>('repair', asked);
    return { id, reopened: false, externalId };
  } catch (error) {
    throw error instanceof WorkflowUpdateFailedError ? toRefusal(error) : toClientError(error, id);
  }
}

interface Reopening {
  readonly client: Client;
  readonly workflowTaskQueue: string;
  readonly searchAttributes: boolean;
  readonly ended: EndedTask;
}

/** Opens an ended task again under its id; of two callers one does it. @throws JOB_ACTIVE for the other. */
export async function reopen(
  { client, ended, workflowTaskQueue, searchAttributes }: Reopening,
  options: JsonObject,
): Promise<RepairedTask> {
  const { id, runId, externalId, startedAt } = ended.status;
  const startNonce = randomUUID();
  try {
    const started = await readStart(client, id, runId);
    const lastTemplate = await readLastTemplate(client, id, runId);
    const input = toReopened({ ...started, lastTemplate }, ended, options);
    const latest = await client.workflow.getHandle(id).describe();
    if (latest.runId !== runId) throw openedBySomebodyElse(id);
    const { fingerprint = '' } = parseTaskMemo(latest.memo);
    const goesOnFrom = { runId, startedAt };
    const plan = { id, input, fingerprint, startNonce, workflowTaskQueue, searchAttributes, goesOnFrom };
    await client.workflow.start(TASK_WORKFLOW_TYPE, toStartOptions({ ...plan, onEnded: 'again' }));
    const { memo } = await client.workflow.getHandle(id).describe();
    if (parseTaskMemo(memo).startNonce !== startNonce) throw openedBySomebodyElse(id);
  } catch (error) {
    throw toClientError(error, id);
  }
  return { id, reopened: true, ...(externalId === undefined ? {} : { externalId }) };
}

function openedBySomebodyElse(id: string): LonghaulError {
  const message = `Somebody else has just opened task ${id} again; this call repaired nothing.`;
  return new LonghaulError('JOB_ACTIVE', message);
}
