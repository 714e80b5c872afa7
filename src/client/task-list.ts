import type { Client, WorkflowExecutionInfo } from '@temporalio/client';

import { LonghaulError } from '../connector/errors';
import { TASK_WORKFLOW_TYPE } from '../connector/task-names';
import { codeOfGrpc } from '../temporal/grpc-errors';
import { parseTaskMemo, toListedStatus, type TaskStatus } from './task-status';

/** All parts must hold; the filters by phase, type, project and job need the search attributes. */
export interface TaskFilter {
  readonly open?: boolean;
  readonly phase?: string;
  readonly taskType?: string;
  readonly project?: string;
  readonly externalId?: string;
  /** At most this many, open tasks before those that closed last; default 50. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 50;

/**
 * Each task once, as its latest run stands: a repaired one has several under its id. What is listed is sorted by its
 * start, newest first; what the limit leaves out is Temporal's choice, for its SQL stores know no other order.
 */
export async function listTasks(client: Client, filter: TaskFilter): Promise<TaskStatus[]> {
  const limit = filter.limit ?? DEFAULT_LIMIT;
  const tasks: TaskStatus[] = [];
  let batch: WorkflowExecutionInfo[] = [];
  try {
    for await (const execution of client.workflow.list({ query: toQuery(filter) })) {
      batch.push(execution);
      if (batch.length < Math.min(BATCH, limit - tasks.length)) continue;
      tasks.push(...(await latestOf(client, batch)).map(toStatus));
      batch = [];
      if (tasks.length >= limit) return newestFirst(tasks);
    }
    return newestFirst([...tasks, ...(await latestOf(client, batch)).map(toStatus)]);
  } catch (error) {
    throw toListError(error);
  }
}

function newestFirst(tasks: readonly TaskStatus[]): TaskStatus[] {
  return [...tasks].sort((one, other) => other.startedAt - one.startedAt);
}

/** Ids in one question to Temporal. */
const BATCH = 50;

/** Without those that a later run of the same id has replaced. One that runs is the latest of its id. */
async function latestOf(
  client: Client,
  executions: readonly WorkflowExecutionInfo[],
): Promise<WorkflowExecutionInfo[]> {
  const closed = executions.filter(({ status }) => status.name !== 'RUNNING');
  if (closed.length === 0) return [...executions];
  const ids = [...new Set(closed.map(({ workflowId }) => quote(workflowId)))];
  const query = `WorkflowType = '${TASK_WORKFLOW_TYPE}' AND WorkflowId IN (${ids.join(', ')})`;
  const latest = new Map<string, WorkflowExecutionInfo>();
  for await (const execution of client.workflow.list({ query })) {
    const known = latest.get(execution.workflowId);
    if (known === undefined || isLater(execution, known)) latest.set(execution.workflowId, execution);
  }
  return executions.filter(({ workflowId, runId }) => (latest.get(workflowId)?.runId ?? runId) === runId);
}

function isLater(one: WorkflowExecutionInfo, other: WorkflowExecutionInfo): boolean {
  return one.startTime.getTime() > other.startTime.getTime() || one.status.name === 'RUNNING';
}

function toListError(cause: unknown): LonghaulError {
  const message = `Tasks cannot be listed: ${cause instanceof Error ? cause.message : String(cause)}`;
  const code = codeOfGrpc(cause);
  if (code !== 'INVALID_TASK') return new LonghaulError(code, message, { cause });
  return new LonghaulError('CONFIG', message, {
    cause,
    advice: 'Filters by phase, type, project and job need the search attributes: run longhaul init.',
  });
}

function toStatus(execution: WorkflowExecutionInfo): TaskStatus {
  return toListedStatus(execution, parseTaskMemo(execution.memo));
}

/** Temporal's list filter. Source: docs "List Filter"; quotes are doubled by backslash. */
export function toQuery(filter: TaskFilter): string {
  const parts = [
    `WorkflowType = '${TASK_WORKFLOW_TYPE}'`,
    ...(filter.open === undefined ? [] : [`ExecutionStatus ${filter.open ? '=' : '!='} 'Running'`]),
    ...inPhase(filter.phase),
    ...equals('ConnectorTaskType', filter.taskType),
    ...equals('ConnectorProject', filter.project),
    ...equals('ConnectorExternalId', filter.externalId),
  ];
  return parts.join(' AND ');
}

/** Workflows that were ended from outside ran no code of ours: their attribute still tells of a running job. */
const ENDED_FROM_OUTSIDE = ['Terminated', 'TimedOut'] as const;

function inPhase(phase: string | undefined): string[] {
  const [shown] = equals('ConnectorPhase', phase);
  if (shown === undefined) return [];
  if (phase === 'FAILED') {
    const others = ENDED_FROM_OUTSIDE.map((status) => `ExecutionStatus = '${status}'`);
    return [`(${[shown, ...others].join(' OR ')})`];
  }
  return [shown, ...ENDED_FROM_OUTSIDE.map((status) => `ExecutionStatus != '${status}'`)];
}

function equals(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name} = ${quote(value)}`];
}

function quote(value: string): string {
  return `'${value.replace(/['\\]/g, '\\$&')}'`;
}
