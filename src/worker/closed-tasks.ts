import { WorkflowNotFoundError, type Client, type WorkflowExecutionInfo } from '@temporalio/client';

import type { ClosedPage, LeftTask } from '../../activities/reconcile-ports';
import { isJsonObject } from '../connector/json';
import { TASK_MEMO_KEY, TASK_WORKFLOW_TYPE } from '../connector/task-names';
import { earlierRunIn } from '../temporal/task-start';
import { currentToken, rememberTask, type HistoryEvent, type RememberedTask } from './left-task';

/** Few enough that each page is done within seconds, and that a cancel of the reconciliation is heard. */
const PAGE_SIZE = 50;

interface ClosedSince {
  readonly since: number;
  readonly nonce: string;
}

/** Closed tasks that may have left a job behind, page by page, each with the memory of its last run. */
export async function* closedTasks(client: Client, options: ClosedSince): AsyncIterable<ClosedPage> {
  const since = new Date(options.since).toISOString();
  const query = `WorkflowType = '${TASK_WORKFLOW_TYPE}' AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed') AND CloseTime >= '${since}'`;
  let page: WorkflowExecutionInfo[] = [];
  for await (const execution of client.workflow.list({ query, pageSize: PAGE_SIZE })) {
    page.push(execution);
    if (page.length < PAGE_SIZE) continue;
    yield await toPage(client, page, options);
    page = [];
  }
  if (page.length > 0) yield await toPage(client, page, options);
}

async function toPage(
  client: Client,
  page: readonly WorkflowExecutionInfo[],
  { nonce }: ClosedSince,
): Promise<ClosedPage> {
  const left = await Promise.all(page.map((execution) => toLeftTask(client, execution, nonce)));
  return { scanned: page.length, left: left.filter((task) => task !== undefined) };
}

async function toLeftTask(
  client: Client,
  execution: WorkflowExecutionInfo,
  nonce: string,
): Promise<LeftTask | undefined> {
  if (sawItsEnd(execution)) return undefined;
  const remembered = await readTask(client, execution.workflowId, execution.runId);
  if (remembered?.state.mayBeRunning !== true) return undefined;
  const successor = await findSuccessor(client, execution, remembered.state.tokenBase);
  if (successor !== undefined && successor.nonce !== nonce) return undefined;
  return describeLeft(execution, remembered, successor?.id);
}

function describeLeft(
  { workflowId, runId, status, closeTime, startTime, memo }: WorkflowExecutionInfo,
  remembered: RememberedTask,
  takenUpAs: string | undefined,
): LeftTask {
  const { state, input } = remembered;
  const externalId = state.attempts.at(-1)?.externalId;
  return {
    id: workflowId,
    runId,
    closed: status.name,
    closedAt: (closeTime ?? startTime).getTime(),
    template: state.template,
    fence: input.routing.fence,
    idempotencyToken: currentToken(remembered),
    phase: state.resource.phase,
    hasConnection: state.connection !== undefined,
    wasCanceled: wasCanceled(memo?.[TASK_MEMO_KEY]),
    ...(input.taskExecution === undefined ? {} : { taskExecution: input.taskExecution }),
    ...(state.meta === undefined ? {} : { meta: state.meta }),
    ...(externalId === undefined ? {} : { externalId }),
    ...(takenUpAs === undefined ? {} : { takenUpAs }),
  };
}

/** Somebody asked for its end; that it closed otherwise does not undo the wish. */
function wasCanceled(view: unknown): boolean {
  return isJsonObject(view) && (view['canceling'] !== undefined || view['code'] === 'CANCEL_UNCONFIRMED');
}

/** Codes of tasks that closed by themselves and say of their job that it may run. */
const UNFINISHED: ReadonlySet<unknown> = new Set(['CANCEL_UNCONFIRMED', 'OUTCOME_UNKNOWN']);

/** Only of a task that closed by itself its memo can tell; the others' history must. */
function sawItsEnd({ status, memo }: WorkflowExecutionInfo): boolean {
  const view = memo?.[TASK_MEMO_KEY];
  if (status.name !== 'FAILED' || !isJsonObject(view) || view['terminal'] !== true) return false;
  const { code, receipt } = view;
  if (UNFINISHED.has(code) || !isJsonObject(receipt)) return false;
  const attempts = Array.isArray(receipt['attempts']) ? receipt['attempts'] : [];
  const last: unknown = attempts.at(-1);
  return !isJsonObject(last) || last['endedAt'] !== undefined;
}

/** A task's id where its own is taken by another task, which somebody started since. */
export function leftoverId(id: string, runId: string): string {
  return `${id}:left:${runId.slice(0, 8)}`;
}

export interface Execution {
  readonly id: string;
  readonly runId: string;
  /** When its task first began. */
  readonly startedAt: number;
  readonly nonce?: string;
  readonly fingerprint?: string;
}

/** The execution that took this task up after it closed: it carries the same tokens on. */
async function findSuccessor(
  client: Client,
  { workflowId, runId }: WorkflowExecutionInfo,
  tokenBase: string,
): Promise<Execution | undefined> {
  for (const id of [workflowId, leftoverId(workflowId, runId)]) {
    const latest = await describeLatest(client, id);
    if (latest?.runId === runId) return undefined;
    if (latest !== undefined && (await tokenBaseOf(client, latest)) === tokenBase) return latest;
  }
  return undefined;
}

/** The latest execution of an id. */
export async function describeLatest(client: Client, id: string): Promise<Execution | undefined> {
  try {
    const { runId, memo, startTime } = await client.workflow.getHandle(id).describe();
    const { startNonce: nonce, fingerprint } = memo ?? {};
    return {
      id,
      runId,
      startedAt: earlierRunIn(memo)?.startedAt ?? startTime.getTime(),
      ...(typeof nonce === 'string' ? { nonce } : {}),
      ...(typeof fingerprint === 'string' ? { fingerprint } : {}),
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function tokenBaseOf(client: Client, { id, runId }: Execution): Promise<string | undefined> {
  const events = await readEvents(client, { id, runId }, 1);
  return rememberTask(events)?.state.tokenBase;
}

/** A task from the history of one of its runs. */
export async function readTask(
  client: Client,
  id: string,
  runId: string,
): Promise<RememberedTask | undefined> {
  return rememberTask(await readEvents(client, { id, runId }));
}

async function readEvents(
  client: Client,
  { id, runId }: Pick<Execution, 'id' | 'runId'>,
  limit = Number.POSITIVE_INFINITY,
): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId: id, runId },
      ...(Number.isFinite(limit) ? { maximumPageSize: limit } : {}),
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    });
    events.push(...(page.history?.events ?? []));
    nextPageToken = page.nextPageToken;
  } while (nextPageToken.length > 0 && events.length < limit);
  return events;
}
