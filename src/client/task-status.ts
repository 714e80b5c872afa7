import { defaultPayloadConverter } from '@temporalio/common';
import type { WorkflowExecutionInfo } from '@temporalio/client';

import { NOT_CHANGED, type PollSnapshot } from '../connector/activity-contract';
import { isErrorCode, type ErrorCode } from '../connector/errors';
import { isJsonObject } from '../connector/json';
import type { FailureCause } from '../connector/observation';
import { isTaskPhase, isTerminalPhase, type TaskPhase } from '../connector/phase';
import type { LogLink } from '../connector/resource';
import type { ResourceMeta } from '../connector/resource-meta';
import { TASK_MEMO_KEY } from '../connector/task-names';
import type { TaskView } from '../../workflows/task-view';
import { earlierRunIn, type EarlierRun } from '../temporal/task-start';
import type { DescribedTask } from './describe-task';
import { mayHaveLeftJob } from './left-job';

/** How a task's workflow stands, in Temporal's words. */
export type TaskState = 'OPEN' | 'COMPLETED' | 'FAILED' | 'CANCELED' | 'TERMINATED' | 'TIMED_OUT';

/** Everything one `describe` tells of a task. Times in epoch milliseconds. */
export interface TaskStatus {
  readonly id: string;
  readonly runId: string;
  readonly taskType: string;
  readonly name?: string;
  readonly state: TaskState;
  readonly phase: TaskPhase;
  readonly message?: string;
  readonly links: readonly LogLink[];
  readonly externalId?: string;
  readonly meta?: ResourceMeta;
  readonly attempt: number;
  readonly code?: ErrorCode;
  /** Of a failed task: whose fault it is; `platform` and `quota` are worth another try. */
  readonly cause?: FailureCause;
  /** Of a task that was opened again: when it first began. */
  readonly startedAt: number;
  /** When it last showed something new. */
  readonly updatedAt?: number;
  readonly closedAt?: number;
  readonly nextCheckAt?: number;
  readonly unreachableSince?: number;
  /** Credentials that came with the task, sealed. */
  readonly connection?: TaskView['connection'];
  readonly canceling?: TaskView['canceling'];
  readonly receipt?: TaskView['receipt'];
  readonly historyLength: number;
  /** Of a closed task that did not see its job end, such as a terminated one. */
  readonly jobMayRun?: true;
  /** A queue that may have no worker: the caller can ask Temporal about it. */
  readonly waitingFor?: WaitingFor;
}

export interface WaitingFor {
  readonly taskQueue: string;
  readonly kind: 'workflow' | 'activity';
}

export interface ParsedMemo {
  readonly view?: TaskView;
  readonly taskType: string;
  readonly name?: string;
  readonly fingerprint?: string;
  readonly startNonce?: string;
  readonly polls?: string;
  /** Of a task that was opened again. */
  readonly goesOnFrom?: EarlierRun;
}

/** Reads a task's memo; another workflow's memo gives an empty one. */
export function parseTaskMemo(memo: Record<string, unknown> | undefined): ParsedMemo {
  const { taskType, name, fingerprint, startNonce, polls, [TASK_MEMO_KEY]: view } = memo ?? {};
  const goesOnFrom = earlierRunIn(memo);
  return {
    taskType: typeof taskType === 'string' ? taskType : '',
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof fingerprint === 'string' ? { fingerprint } : {}),
    ...(typeof startNonce === 'string' ? { startNonce } : {}),
    ...(typeof polls === 'string' ? { polls } : {}),
    ...(isTaskView(view) ? { view } : {}),
    ...(goesOnFrom === undefined ? {} : { goesOnFrom }),
  };
}

function isTaskView(value: unknown): value is TaskView {
  return isJsonObject(value) && isTaskPhase(value['phase']) && typeof value['attempt'] === 'number';
}

/** A closed status beats the memo; a waiting poll's own words are fresher than the memo. */
export function toTaskStatus(description: DescribedTask, now: number): TaskStatus {
  const memo = parseTaskMemo(description.memo);
  const state = toState(description.status.name);
  const snapshot = state === 'OPEN' ? readSnapshot(description) : undefined;
  const repeated = state === 'OPEN' ? readRepeated(description) : undefined;
  const view = memo.view;
  const fresh = { ...freshView(view, snapshot), ...(repeated === undefined ? {} : { message: repeated }) };
  const waitingFor = state === 'OPEN' ? suspectQueue(description, now) : undefined;
  return {
    id: description.workflowId,
    runId: description.runId,
    taskType: memo.taskType,
    state,
    ...closedWords(state, fresh),
    links: fresh.links ?? [],
    attempt: view?.attempt ?? 0,
    startedAt: memo.goesOnFrom?.startedAt ?? description.startTime.getTime(),
    historyLength: description.historyLength,
    ...(mayHaveLeftJob(state, view) ? { jobMayRun: true } : {}),
    ...(memo.name === undefined ? {} : { name: memo.name }),
    ...(fresh.meta === undefined ? {} : { meta: fresh.meta }),
    ...(view?.externalId === undefined ? {} : { externalId: view.externalId }),
    ...(view === undefined ? {} : { updatedAt: view.updatedAt }),
    ...(view?.connection === undefined ? {} : { connection: view.connection }),
    ...(view?.cause === undefined ? {} : { cause: view.cause }),
    ...(view?.canceling === undefined ? {} : { canceling: view.canceling }),
    ...(view?.receipt === undefined ? {} : { receipt: view.receipt }),
    ...(description.closeTime === undefined ? {} : { closedAt: description.closeTime.getTime() }),
    ...(snapshot === undefined ? {} : { nextCheckAt: snapshot.nextCheckAt }),
    ...(fresh.unreachableSince === undefined ? {} : { unreachableSince: fresh.unreachableSince }),
    ...(waitingFor === undefined ? {} : { waitingFor }),
  };
}

type FreshView = Partial<
  Pick<TaskView, 'phase' | 'message' | 'links' | 'meta' | 'code' | 'unreachableSince'>
>;

function freshView(view: TaskView | undefined, snapshot: PollSnapshot | undefined): FreshView {
  const { phase, message, links, meta, code, unreachableSince } = view ?? {};
  const known: FreshView = Object.fromEntries(
    Object.entries({ phase, message, links, meta, code, unreachableSince }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  if (snapshot === undefined || view?.canceling !== undefined) return known;
  if (snapshot.trouble !== undefined) {
    const { code: troubleCode, message: words, since } = snapshot.trouble;
    return { ...known, code: troubleCode, message: `out of reach (${words})`, unreachableSince: since };
  }
  return {
    ...known,
    phase: snapshot.phase,
    ...(snapshot.message === undefined ? {} : { message: snapshot.message }),
    ...(snapshot.links === undefined ? {} : { links: snapshot.links }),
    ...(snapshot.meta === undefined ? {} : { meta: snapshot.meta }),
  };
}

/** Terminated and timed-out workflows ran no code of ours: their memo still tells of a running job. */
function closedWords(state: TaskState, view: FreshView): Pick<TaskStatus, 'phase' | 'message' | 'code'> {
  switch (state) {
    case 'TERMINATED':
      return { phase: 'FAILED', code: 'INTERNAL', message: abandoned('terminated', view) };
    case 'TIMED_OUT':
      return { phase: 'FAILED', code: 'INTERNAL', message: abandoned('timed out', view) };
    case 'OPEN':
    case 'COMPLETED':
    case 'FAILED':
    case 'CANCELED':
      return {
        phase: view.phase ?? 'QUEUED',
        ...(view.message === undefined ? {} : { message: view.message }),
        ...(isErrorCode(view.code) ? { code: view.code } : {}),
      };
    default:
      return state satisfies never;
  }
}

function abandoned(how: string, view: FreshView): string {
  return `The workflow was ${how} from outside; its job was not stopped (last seen ${view.phase ?? 'QUEUED'}).`;
}

function toState(status: string): TaskState {
  switch (status) {
    case 'COMPLETED':
    case 'FAILED':
    case 'TERMINATED':
    case 'TIMED_OUT':
      return status;
    case 'CANCELLED':
      return 'CANCELED';
    default:
      return 'OPEN';
  }
}

type RawDescription = DescribedTask['raw'];
type PendingActivity = NonNullable<RawDescription['pendingActivities']>[number];

function readSnapshot(description: DescribedTask): PollSnapshot | undefined {
  for (const pending of description.raw.pendingActivities ?? []) {
    const failure = pending.lastFailure?.applicationFailureInfo;
    if (failure?.type !== NOT_CHANGED) continue;
    const payload = failure.details?.payloads?.[0];
    const value: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
    if (isSnapshot(value)) return value;
  }
  return undefined;
}

/** What is being repeated, and why: a submit that is not answered, a stop that is not seen. */
function readRepeated(description: DescribedTask): string | undefined {
  for (const pending of description.raw.pendingActivities ?? []) {
    const step = REPEATED_STEPS[pending.activityType?.name ?? ''];
    const failure = pending.lastFailure;
    if (step === undefined || !failure?.message) continue;
    const code = failure.applicationFailureInfo?.type;
    return `${step}, try ${pending.attempt ?? 1}: ${isErrorCode(code) ? `${code}: ` : ''}${failure.message}`;
  }
  return undefined;
}

const REPEATED_STEPS: Readonly<Record<string, string>> = {
  create: 'submitting',
  delete: 'Canceling',
  execute: 'running',
  stopTasks: 'waiting',
};

function isSnapshot(value: unknown): value is PollSnapshot {
  return isJsonObject(value) && isTaskPhase(value['phase']) && typeof value['nextCheckAt'] === 'number';
}

/** Longer than this untouched in a queue: either no worker serves it, or all are busy. */
const SUSPECT_AFTER_MS = 10_000;

function suspectQueue(description: DescribedTask, now: number): WaitingFor | undefined {
  const { raw } = description;
  const scheduledAt = toMs(raw.pendingWorkflowTask?.originalScheduledTime);
  if (scheduledAt !== undefined && now - scheduledAt > SUSPECT_AFTER_MS) {
    return { taskQueue: description.taskQueue, kind: 'workflow' };
  }
  const stuck = (raw.pendingActivities ?? []).find((pending) => isStuck(pending, now));
  const taskQueue = stuck?.activityOptions?.taskQueue?.name;
  return taskQueue ? { taskQueue, kind: 'activity' } : undefined;
}

const SCHEDULED = 1;

function isStuck(pending: PendingActivity, now: number): boolean {
  if (Number(pending.state) !== SCHEDULED || pending.nextAttemptScheduleTime) return false;
  const since = toMs(pending.lastAttemptCompleteTime) ?? toMs(pending.scheduledTime);
  const pausedMs = toMs(pending.currentRetryInterval) ?? 0;
  return since !== undefined && now - since - pausedMs > SUSPECT_AFTER_MS;
}

function toMs(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number | undefined {
  if (!time) return undefined;
  return Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1e6);
}

/** Has its job failed, and does the task stay open for a repair alone (`repairWindow`)? */
export function isInRepairWindow({ state, phase, code }: TaskStatus): boolean {
  return state === 'OPEN' && code !== undefined && isTerminalPhase(phase);
}

/** A row of a list: the memo alone, without what a waiting poll says. */
export function toListedStatus(execution: WorkflowExecutionInfo, memo: ParsedMemo): TaskStatus {
  const state = toState(execution.status.name);
  const { view } = memo;
  return {
    id: execution.workflowId,
    runId: execution.runId,
    taskType: memo.taskType,
    state,
    ...closedWords(state, freshView(view, undefined)),
    links: view?.links ?? [],
    attempt: view?.attempt ?? 0,
    startedAt: memo.goesOnFrom?.startedAt ?? execution.startTime.getTime(),
    historyLength: execution.historyLength,
    ...(mayHaveLeftJob(state, view) ? { jobMayRun: true } : {}),
    ...(memo.name === undefined ? {} : { name: memo.name }),
    ...(view?.externalId === undefined ? {} : { externalId: view.externalId }),
    ...(execution.closeTime === undefined ? {} : { closedAt: execution.closeTime.getTime() }),
  };
}
