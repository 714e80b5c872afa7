import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/common';

import type { LeftTask, OpenTask, ReconcileControl, TakeUp } from '../../activities/reconcile-ports';
import type { FoundJob } from '../connector/job-finder';
import { isJsonObject } from '../connector/json';
import type { ConnectorRegistry } from '../connector/registry';
import {
  toIdempotencyToken,
  adoptedTaskId,
  TASK_MEMO_KEY,
  TASK_WORKFLOW_TYPE,
} from '../connector/task-names';
import { DEFAULT_POLICY } from '../connector/task-policy';
import { taskQueuesOf } from '../connector/task-queues';
import type { TaskCategory } from '../connector/task-template';
import { hasSearchAttributes, type AttributeService } from '../temporal/search-attributes';
import {
  toLabels,
  tokenBaseIn,
  withoutLastStart,
  type EarlierRun,
  type FoundBy,
} from '../temporal/task-start';
import { carry, type TaskInput, type TaskState } from '../../workflows/task-input';
import { noteAttempt, openState } from '../../workflows/task-state';
import { toTaskView } from '../../workflows/task-view';
import { closedTasks, describeLatest, leftoverId, readTask } from './closed-tasks';

export interface ReconcileControlOptions {
  readonly client: Client;
  readonly connection: AttributeService;
  readonly registry: ConnectorRegistry;
  readonly workflowTaskQueue: string;
}

/** Temporal's client behind the port of the reconciliation. */
export function createReconcileControl(options: ReconcileControlOptions): ReconcileControl {
  const { client } = options;
  return {
    openTasks: () => openTasks(client),
    closedTasks: (request) => closedTasks(client, request),
    takeUp: (task, how) => takeUp(options, task, how),
    adoptForeign: (job, taskCategory, how) => adoptForeign(options, { job, taskCategory }, how),
  };
}

async function* openTasks(client: Client): AsyncIterable<OpenTask> {
  const query = `WorkflowType = '${TASK_WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'`;
  for await (const execution of client.workflow.list({ query })) yield toOpenTask(execution);
}

/** An attempt under way shows no job yet: the run ids, or what it goes on from, tell which tokens it may have sent. */
function toOpenTask({ workflowId, runId, memo, raw }: WorkflowExecutionInfo): OpenTask {
  const view = memo?.[TASK_MEMO_KEY];
  const { externalId, attempt, meta } = isJsonObject(view) ? view : {};
  const seen = typeof attempt === 'number' ? attempt : 0;
  const firstRunId = 'firstRunId' in raw && typeof raw.firstRunId === 'string' ? raw.firstRunId : '';
  const bases = [...new Set([runId, firstRunId, tokenBaseIn(memo) ?? ''])].filter((base) => base !== '');
  return {
    id: workflowId,
    runId,
    tokens: bases.flatMap((tokenBase) =>
      [seen, seen + 1].map((next) => toIdempotencyToken({ tokenBase, attempt: next })),
    ),
    ...(typeof externalId === 'string' ? { externalId } : {}),
    ...(isJsonObject(meta) ? { meta } : {}),
  };
}

async function takeUp(
  options: ReconcileControlOptions,
  task: LeftTask,
  how: TakeUp,
): Promise<string | undefined> {
  const { client } = options;
  const remembered = await readTask(client, task.id, task.runId);
  if (remembered === undefined) return undefined;
  const knowsJob = remembered.state.meta !== undefined || how.job !== undefined;
  if (!knowsJob && how.cancel === undefined) return undefined; // following it would submit it
  const latest = await describeLatest(client, task.id);
  const isLatest = latest?.runId === task.runId;
  const id = isLatest ? task.id : leftoverId(task.id, task.runId);
  const state = toResumed(remembered.state, how.job);
  const input = carry(withoutLastStart(remembered.input), state);
  const goesOnFrom = isLatest ? { runId: task.runId, startedAt: latest.startedAt } : undefined;
  return startOnce(options, { id, input, state, how, goesOnFrom });
}

/** The memory a task goes on with: it looks at its job next, and begins no attempt that was not begun. */
function toResumed(state: TaskState, job: FoundJob | undefined): TaskState {
  const { next: last, cancel: _cancel, trouble: _trouble, resumeAt: _resumeAt, ...kept } = state;
  if (job === undefined && state.meta === undefined) return kept;
  const next = last === undefined || last.kind === 'done' ? ({ kind: 'poll' } as const) : last;
  if (job === undefined) return { ...kept, next };
  const { meta, externalId, phase } = job;
  const found: TaskState = { ...kept, meta, resource: { phase }, next: { kind: 'poll' } };
  return noteAttempt(found, { externalId, phase });
}

async function adoptForeign(
  options: ReconcileControlOptions,
  { job, taskCategory }: { readonly job: FoundJob; readonly taskCategory: TaskCategory },
  how: TakeUp,
): Promise<string | undefined> {
  const { externalId, meta, place } = job;
  const connector = options.registry.getConnector(taskCategory.name, taskCategory.version);
  const { fence, repair } = connector.capabilities;
  const { name: type, version } = taskCategory;
  const input: TaskInput = {
    template: { type, version, name: `adopted ${externalId}`, custom: {} },
    policy: DEFAULT_POLICY,
    routing: { ...taskQueuesOf(connector, { meta }), fence, repair },
    searchAttributes: await hasSearchAttributes(options.connection, options.client.options.namespace),
    adopted: { meta, externalId },
  };
  const state = openState(input, '', Date.now());
  return startOnce(options, { id: adoptedTaskId(place, externalId), input, state, how });
}

interface Start {
  readonly id: string;
  readonly input: TaskInput;
  readonly state: TaskState;
  readonly how: TakeUp;
  readonly goesOnFrom?: EarlierRun | undefined;
}

/** In one step, cancel included: whoever started this id meanwhile keeps it. @returns undefined when somebody did. */
async function startOnce(
  { client, workflowTaskQueue }: ReconcileControlOptions,
  { id, input, state, how, goesOnFrom }: Start,
): Promise<string | undefined> {
  const { cancel, nonce } = how;
  const words = cancel === undefined ? 'taken up again' : `taken up again to be stopped: ${cancel.reason}`;
  try {
    await client.workflow.start(TASK_WORKFLOW_TYPE, {
      workflowId: id,
      taskQueue: workflowTaskQueue,
      args: [cancel === undefined ? input : { ...input, canceled: cancel }],
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      ...toLabels({
        ...{ id, template: state.template, startNonce: nonce },
        view: toTaskView(state, { now: Date.now(), message: words }),
        fingerprint: (await describeLatest(client, id))?.fingerprint,
        tokenBase: input.carried?.tokenBase,
        goesOnFrom,
        found: input.searchAttributes ? foundBy(input, state) : undefined,
      }),
    });
    return id;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const holder = await describeLatest(client, id);
    return holder?.nonce === nonce ? id : undefined;
  }
}

function foundBy({ taskExecution }: TaskInput, { resource, attempts }: TaskState): FoundBy {
  const { phase } = resource;
  return { phase, externalId: attempts.at(-1)?.externalId, project: taskExecution?.project };
}
