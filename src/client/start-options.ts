import type { WorkflowStartOptions } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy, TypedSearchAttributes } from '@temporalio/common';

import { jsonBytes } from '../connector/json';
import { TASK_MEMO_KEY } from '../connector/task-names';
import type { TaskView, VIEW_LIMIT_BYTES } from '../../workflows/task-view';
import type { TaskInput } from '../../workflows/task-input';
import type { connectorTask } from '../../workflows';
import { CONNECTOR_PHASE, CONNECTOR_PROJECT, CONNECTOR_TASK_TYPE } from '../temporal/search-attributes';
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
}

/** One task per id: a running one is joined, an ended one is never silently replaced. No Temporal time-outs: they would run no clean-up. */
export function toStartOptions(plan: StartPlan): WorkflowStartOptions<typeof connectorTask> {
  const { input, id } = plan;
  const { type, version, name = type } = input.template;
  return {
    workflowId: id,
    taskQueue: plan.workflowTaskQueue,
    args: [input],
    workflowIdReusePolicy:
      plan.onEnded === 'again'
        ? WorkflowIdReusePolicy.ALLOW_DUPLICATE
        : WorkflowIdReusePolicy.REJECT_DUPLICATE,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    memo: {
      taskType: `${type} v${version}`,
      name,
      fingerprint: plan.fingerprint,
      startNonce: plan.startNonce,
      [TASK_MEMO_KEY]: firstView(input),
    },
    staticSummary: `${type}: ${name}`.slice(0, SUMMARY_LIMIT),
    staticDetails: `### ${name}\n\nTask type **${type}**, id \`${id}\`. Its phase, links and attempts are under *Current details*.`,
    ...(plan.searchAttributes ? { typedSearchAttributes: searchAttributesOf(input) } : {}),
  };
}

const SUMMARY_LIMIT = 190;

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

function searchAttributesOf(input: TaskInput): TypedSearchAttributes {
  const { template, taskExecution } = input;
  const pairs = new TypedSearchAttributes([
    { key: CONNECTOR_TASK_TYPE, value: template.type },
    { key: CONNECTOR_PHASE, value: 'QUEUED' },
  ]);
  const project = taskExecution?.project;
  return project === undefined ? pairs : pairs.updateCopy([{ key: CONNECTOR_PROJECT, value: project }]);
}
