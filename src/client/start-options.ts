import type { WorkflowStartOptions } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';

import { jsonBytes } from '../connector/json';
import type { TaskView, VIEW_LIMIT_BYTES } from '../../workflows/task-view';
import type { TaskInput } from '../../workflows/task-input';
import type { connectorTask } from '../../workflows';
import { toLabels, type EarlierRun, type FoundBy } from '../temporal/task-start';
import type { OnEnded } from './task-client';

export interface StartPlan {
  readonly id: string;
  readonly input: TaskInput;
  readonly fingerprint: string;
  /** Tells our own start from an older one under the same id. */
  readonly startNonce: string;
  readonly workflowTaskQueue: string;
  readonly searchAttributes: boolean;
  readonly onEnded: OnEnded;
  readonly goesOnFrom?: EarlierRun;
}

/** One task per id: a running one is joined, an ended one is never silently replaced. No Temporal time-outs: they would run no clean-up. */
export function toStartOptions(plan: StartPlan): WorkflowStartOptions<typeof connectorTask> {
  const { input, id, fingerprint, startNonce } = plan;
  const { template, carried } = input;
  return {
    workflowId: id,
    taskQueue: plan.workflowTaskQueue,
    args: [input],
    workflowIdReusePolicy:
      plan.onEnded === 'again'
        ? WorkflowIdReusePolicy.ALLOW_DUPLICATE
        : WorkflowIdReusePolicy.REJECT_DUPLICATE,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    ...toLabels({
      ...{ id, template, fingerprint, startNonce },
      view: firstView(input),
      tokenBase: carried?.tokenBase,
      goesOnFrom: plan.goesOnFrom,
      found: plan.searchAttributes ? firstFound(input) : undefined,
    }),
  };
}

function firstFound({ carried, taskExecution }: TaskInput): FoundBy {
  const externalId = carried?.attempts.at(-1)?.externalId;
  return { phase: 'QUEUED', externalId, project: taskExecution?.project };
}

function firstView(input: TaskInput): TaskView {
  const { connection } = input;
  const seen = firstSeen(input);
  const view = { ...seen, message: 'accepted, not yet taken by a worker', updatedAt: Date.now() };
  if (connection === undefined) return view;
  const whole = { ...view, connection };
  return jsonBytes(whole) <= LIMIT_BYTES ? whole : { ...view, connection: { ...connection, secrets: {} } };
}

function firstSeen({ adopted, carried }: TaskInput): Omit<TaskView, 'updatedAt'> {
  if (carried === undefined && adopted === undefined) return { phase: 'QUEUED', attempt: 0 };
  if (carried === undefined) return { phase: 'INITIALIZING', attempt: 1, ...adopted };
  const { attempt, meta, attempts } = carried;
  const externalId = attempts.at(-1)?.externalId;
  return {
    phase: 'QUEUED',
    attempt,
    ...(meta === undefined ? {} : { meta }),
    ...(externalId === undefined ? {} : { externalId }),
  };
}

/** The workflow's own limit: of `workflows/` only types are seen here. */
const LIMIT_BYTES: typeof VIEW_LIMIT_BYTES = 3_500;
