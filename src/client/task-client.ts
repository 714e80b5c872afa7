import { randomUUID } from 'node:crypto';

import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';

import type { CancelSignal, TaskResult } from '../../workflows/task-input';
import type { Connection } from '../connector/connection';
import { LonghaulError } from '../connector/errors';
import type { JsonObject } from '../connector/json';
import type { LogsPage, OutputsRequest, TaskMetric } from '../connector/connector';
import type { ConnectorRegistry } from '../connector/registry';
import type { TaskPolicy } from '../connector/task-policy';
import { TASK_MEMO_KEY, TASK_WORKFLOW_TYPE } from '../connector/task-names';
import { EARLIER_RUN_KEY } from '../temporal/task-start';
import { assertNotFollowed, checkAdoption, toAdoption, type AdoptRequest } from './adopt';
import { alreadyEnded, assertSameSpec, toClientError, noSuchTask } from './client-errors';
import { describeLightly, type DescribedTask } from './describe-task';
import { assertLeftNoJob } from './left-job';
import { toStartOptions, type StartPlan } from './start-options';
import { toTaskInput } from './task-door';
import { fingerprintOf, generateTaskId, type NamedRequest, type TaskRequest } from './task-request';
import {
  assertRepairable,
  canBeOpenedAgain,
  readStart,
  reopen,
  repairOpen,
  type RepairedTask,
} from './repair-task';
import { isInRepairWindow, parseTaskMemo, toTaskStatus, type TaskStatus } from './task-status';
import { listTasks, type TaskFilter } from './task-list';
import {
  connectorOf,
  keptOutputs,
  readLogs,
  readMetrics,
  readOutputs,
  readReport,
  type TaskOutputs,
} from './job-reader';
import { readOpenRecord } from './open-record';
import { readTaskEvents } from './task-events';
import { endWithTask, receiptEvents, toEventsPage, type TaskLogsRequest } from './task-logs';
import type { TaskReport } from './task-report';
import { readResult } from './task-result';
import { nameMissingWorker } from './missing-worker';

/** What a client needs of Temporal, and what it checks at the door. */
export interface TaskClientOptions {
  readonly client: Client;
  readonly namespace: string;
  /** Decides at the door; the workers' registry does the work. */
  readonly registry: ConnectorRegistry;
  readonly workflowTaskQueue: string;
  /** The operator's `secrets.allow`. */
  readonly secretsAllow: readonly string[];
  /** Off where the namespace lacks our search attributes. */
  readonly searchAttributes: boolean;
}

/**
 * What to do with an id that is taken by an ended task. A running task of the same spec is always joined. `again` starts
 * nothing beside a job of the ended task that may still run; `force` does.
 */
export type OnEnded = 'refuse' | 'attach' | 'again' | 'force';

/** A task that is there now, by whomever it was started. */
export interface StartedTask {
  readonly id: string;
  readonly runId: string;
  /** True when the task was there already: nothing was started. */
  readonly attached: boolean;
}

/** How a task ended, for good. */
export interface TaskOutcome {
  readonly status: TaskStatus;
  readonly result?: TaskResult;
}

/** Starts, follows and steers tasks over Temporal. Every method may be called from anywhere, any number of times. */
export class TaskClient {
  readonly #options: TaskClientOptions;

  constructor(options: TaskClientOptions) {
    this.#options = options;
  }

  /**
   * Starts a task once per id, whatever is repeated or crashes.
   * @throws INVALID_TASK, UNKNOWN_TASK_TYPE, PAYLOAD_TOO_LARGE, PERMISSION_DENIED before anything is started;
   * TOKEN_CONFLICT when the id names another spec; ALREADY_ENDED when it names an ended task; JOB_ACTIVE on `again` when
   * that one's job may still run.
   */
  async start(request: TaskRequest, onEnded: OnEnded = 'refuse'): Promise<StartedTask> {
    const input = toTaskInput(request, this.#options);
    const id = request.id ?? generateTaskId(request, new Date());
    const fingerprint = fingerprintOf(request);
    const startNonce = randomUUID();
    const { client, workflowTaskQueue, searchAttributes } = this.#options;
    const plan = { id, input, fingerprint, startNonce, workflowTaskQueue, searchAttributes };
    try {
      await client.workflow.start(TASK_WORKFLOW_TYPE, toStartOptions({ ...plan, onEnded: 'refuse' }));
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw toClientError(error, id);
      if (onEnded !== 'again' && onEnded !== 'force') return this.#attachEnded(id, fingerprint, onEnded);
      // An adoption submits nothing: it only follows.
      if (onEnded === 'again' && request.adopted === undefined) await this.#assertLeftNoJob(id);
      await this.#startAnew(plan);
    }
    const description = await this.#describe(id);
    const memo = parseTaskMemo(description.memo);
    assertSameSpec(id, memo.fingerprint, fingerprint);
    return { id, runId: description.runId, attached: memo.startNonce !== startNonce };
  }

  /**
   * Starts the task, or joins the one of this id whatever its spec and however it stands: one call to Temporal. For
   * callers whose ids name one attempt of one execution for ever, such as Flyte's engine.
   * @throws as {@link start}, less TOKEN_CONFLICT and ALREADY_ENDED; UNAVAILABLE when it is not known whether it started.
   */
  async ensure(request: NamedRequest): Promise<void> {
    try {
      await this.#options.client.workflow.start(TASK_WORKFLOW_TYPE, this.#joinOptions(request));
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      throw toClientError(error, request.id);
    }
  }

  /**
   * Records a cancel for this id in one step: of the task that is there, or of one that is started for it, so that a
   * start still under way finds its id taken. Nothing happens to an ended one. Idempotent.
   */
  async prevent(request: NamedRequest, cancel: CancelSignal): Promise<void> {
    try {
      await this.#options.client.workflow.signalWithStart(TASK_WORKFLOW_TYPE, {
        ...this.#joinOptions(request),
        signal: 'cancel',
        signalArgs: [cancel],
      });
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      throw toClientError(error, request.id);
    }
  }

  /**
   * Starts a task that follows a job somebody else started; canceling it stops that job. It starts no job itself, so a
   * job that fails ends it, whatever its policy. Adopting twice joins the same task.
   * @throws as {@link start}; RUN_GONE when there is no such job; TOKEN_CONFLICT when another open task follows it;
   * UNAVAILABLE when no worker answers.
   */
  async adopt(request: AdoptRequest, onEnded: OnEnded = 'refuse'): Promise<StartedTask> {
    const { client, registry, searchAttributes } = this.#options;
    const connector = checkAdoption(request, registry);
    const adoption = await toAdoption(client, connector, request);
    const { externalId } = request;
    const open = await this.list({
      open: true,
      limit: MOST_OPEN,
      ...(searchAttributes ? { externalId } : {}),
    });
    const followers = open.filter((task) => task.externalId === externalId).map(({ id }) => this.get(id));
    assertNotFollowed(adoption, await Promise.all(followers), connector);
    return this.start(adoption, onEnded);
  }

  /** Gives an open task other credentials than it came with. @throws NOT_FOUND, ALREADY_ENDED. */
  async renewConnection(id: string, connection: Connection): Promise<void> {
    await this.#signal(id, 'renewConnection', connection);
  }

  /** One `describe` and nothing else. @throws NOT_FOUND, also for a workflow that is no task; UNAVAILABLE. */
  async look(id: string): Promise<TaskStatus> {
    const description = await this.#describeLightly(id);
    if (description.type === TASK_WORKFLOW_TYPE) return toTaskStatus(description, Date.now());
    throw noSuchTask(id);
  }

  /** What an ended task left; undefined where its workflow could not say (terminated, timed out). */
  async result(id: string): Promise<TaskResult | undefined> {
    return readResult(this.#options.client, id);
  }

  /** The policy a task was started with. @throws NOT_FOUND. */
  async policyOf(id: string): Promise<TaskPolicy> {
    const { client } = this.#options;
    const { runId } = await this.look(id);
    try {
      return (await readStart(client, id, runId)).input.policy;
    } catch (error) {
      throw toClientError(error, id);
    }
  }

  /** One `describe`: no worker is asked. @throws NOT_FOUND. */
  async get(id: string): Promise<TaskStatus> {
    const status = toTaskStatus(await this.#describe(id), Date.now());
    return nameMissingWorker(this.#options, status);
  }

  /** Waits for the end of a task, over restarts of Temporal too. */
  async wait(id: string): Promise<TaskOutcome> {
    const result = await this.result(id);
    const status = await this.get(id);
    return result === undefined ? { status } : { status, result };
  }

  /**
   * Asks for cancellation and returns when that is recorded; the task closes when its job is seen stopped.
   * @throws NOT_FOUND, ALREADY_ENDED.
   */
  async cancel(id: string, request: CancelSignal = {}): Promise<void> {
    await this.#signal(id, 'cancel', request);
  }

  /**
   * Makes a task look now. Held back while an operator has paused the poll, because a signal would undo the pause.
   * @returns false when held back. @throws NOT_FOUND, ALREADY_ENDED.
   */
  async nudge(id: string): Promise<boolean> {
    const { raw } = await this.#describe(id);
    if ((raw.pendingActivities ?? []).some((pending) => pending.paused === true)) return false;
    await this.#signal(id, 'nudge');
    return true;
  }

  /**
   * Runs the failed parts of an ended job again, in place: the task stays the same, with its earlier attempts. A task
   * that waits (before a next attempt, or in its repair window) takes it up; one that has failed or was canceled is
   * opened again under its id. `options` are the connector's; for Databricks `tasks`, `jobParameters`, `dependents`.
   * @throws JOB_ACTIVE while the job runs; ALREADY_ENDED for a succeeded task; UNSUPPORTED; NOT_FOUND.
   */
  async repair(id: string, options: JsonObject = {}): Promise<RepairedTask> {
    const status = await this.look(id);
    assertRepairable(status);
    if (!connectorOf(this.#options.registry, status.taskType).capabilities.repair) {
      throw new LonghaulError('UNSUPPORTED', `The connector of ${status.taskType} does not offer repair.`);
    }
    const { client } = this.#options;
    if (status.state === 'OPEN') return repairOpen(client, id, options);
    const result = await readResult(this.#options.client, id, status.runId);
    return reopen({ ...this.#options, ended: { status, result } }, options);
  }

  /** Would {@link repair} be tried for a task that stands like this? Asks nobody; false where its type is not known here. */
  canRepair(status: TaskStatus): boolean {
    return canBeOpenedAgain(this.#options.registry, status);
  }

  async list(filter: TaskFilter = {}): Promise<TaskStatus[]> {
    return listTasks(this.#options.client, filter);
  }

  /**
   * A page of the job's logs; of an ended task too. Without a token the last lines. While the task is open there is
   * always a next page: at the end of what there is, `atEnd` says so, and its token goes on from there later.
   * @throws UNSUPPORTED for a source that the connector has not; NOT_FOUND before there is a job; SECRET_UNAVAILABLE.
   */
  async logs(id: string, request: TaskLogsRequest = {}): Promise<LogsPage> {
    const status = await this.get(id);
    if (request.source !== 'events') return readLogs(this.#options, status, request);
    const history = await readTaskEvents(this.#options.client, id).catch((error: unknown) => {
      throw toClientError(error, id);
    });
    const receipt = (await this.#recordOf(status))?.receipt ?? status.receipt;
    const sources = { history, receipt: receiptEvents(history, receipt) };
    return endWithTask(toEventsPage(sources, request), status.state);
  }

  async metrics(id: string): Promise<readonly TaskMetric[]> {
    return readMetrics(this.#options, await this.get(id));
  }

  /**
   * What a task's job gave: what was kept with a succeeded task, where that is of all its parts; else, and always for
   * one `task` of the job, read afresh, whole and with links that are not kept.
   * @throws UNSUPPORTED when nothing was kept and the connector cannot read it; NOT_FOUND before there is a job.
   */
  async outputs(id: string, request: OutputsRequest = {}): Promise<TaskOutputs> {
    const status = await this.get(id);
    const result = status.state === 'COMPLETED' ? await this.#resultOf(status) : undefined;
    const kept = result === undefined ? undefined : keptOutputs(result);
    return readOutputs(this.#options, status, { request, kept });
  }

  /** Everything about one task. What no worker can tell is left out and said. @throws NOT_FOUND. */
  async report(id: string): Promise<TaskReport> {
    const status = await this.get(id);
    return readReport(this.#options, status, await this.#recordOf(status));
  }

  /** Of an open task there is none, and none is waited for. */
  async #resultOf({ id, state }: TaskStatus): Promise<TaskResult | undefined> {
    return state === 'OPEN' ? undefined : this.result(id);
  }

  async #assertLeftNoJob(id: string): Promise<void> {
    const description = await this.#describe(id);
    const status = toTaskStatus(description, Date.now());
    try {
      await assertLeftNoJob(this.#options.client, status, parseTaskMemo(description.memo).view);
    } catch (error) {
      throw toClientError(error, id);
    }
  }

  async #startAnew(plan: Omit<StartPlan, 'onEnded'>): Promise<void> {
    try {
      await this.#options.client.workflow.start(
        TASK_WORKFLOW_TYPE,
        toStartOptions({ ...plan, onEnded: 'again' }),
      );
    } catch (error) {
      throw toClientError(error, plan.id);
    }
  }

  /** A task that waits in its repair window has something to tell already. */
  async #recordOf(status: TaskStatus): Promise<TaskResult | undefined> {
    return isInRepairWindow(status)
      ? readOpenRecord(this.#options.client, status.id)
      : this.#resultOf(status);
  }

  #joinOptions(request: NamedRequest): ReturnType<typeof toStartOptions> {
    const { workflowTaskQueue, searchAttributes } = this.#options;
    return toStartOptions({
      id: request.id,
      input: toTaskInput(request, this.#options),
      fingerprint: fingerprintOf(request),
      startNonce: randomUUID(),
      workflowTaskQueue,
      searchAttributes,
      onEnded: 'refuse',
    });
  }

  async #attachEnded(id: string, fingerprint: string, onEnded: OnEnded): Promise<StartedTask> {
    const description = await this.#describe(id);
    assertSameSpec(id, parseTaskMemo(description.memo).fingerprint, fingerprint);
    const status = toTaskStatus(description, Date.now());
    if (onEnded === 'attach') return { id, runId: description.runId, attached: true };
    throw alreadyEnded(status);
  }

  async #describe(id: string): Promise<WorkflowExecutionDescription> {
    try {
      return await this.#options.client.workflow.getHandle(id).describe();
    } catch (error) {
      throw toClientError(error, id);
    }
  }

  async #describeLightly(id: string): Promise<DescribedTask> {
    try {
      return await describeLightly(this.#options.client, id, SHOWN_MEMO_KEYS);
    } catch (error) {
      const unknown = isGrpcServiceError(error) && (error.code as number) === GRPC_NOT_FOUND;
      if (!unknown || /namespace/i.test(error.details)) throw toClientError(error, id);
      throw noSuchTask(id, error);
    }
  }

  async #signal(id: string, name: string, argument?: CancelSignal | Connection): Promise<void> {
    try {
      const handle = this.#options.client.workflow.getHandle(id);
      await (argument === undefined ? handle.signal(name) : handle.signal(name, argument));
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw toClientError(error, id);
      throw alreadyEnded(toTaskStatus(await this.#describe(id), Date.now()), error);
    }
  }
}

/** Without search attributes every open task is asked for its job; a list longer than this is not read to its end. */
const MOST_OPEN = 10_000;
/** Of a task's memo, what {@link TaskStatus} is made of. */
const SHOWN_MEMO_KEYS = ['taskType', 'name', EARLIER_RUN_KEY, TASK_MEMO_KEY] as const;
/** Source: google.rpc.Code. */
const GRPC_NOT_FOUND = 5;
