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
  /** Newest first, at most this many; default 50. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 50;

export async function listTasks(client: Client, filter: TaskFilter): Promise<TaskStatus[]> {
  const tasks: TaskStatus[] = [];
  try {
    for await (const execution of client.workflow.list({ query: toQuery(filter) })) {
      tasks.push(toStatus(execution));
      if (tasks.length >= (filter.limit ?? DEFAULT_LIMIT)) break;
    }
  } catch (error) {
    throw toListError(error);
  }
  return tasks;
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
    ...equals('ConnectorPhase', filter.phase),
    ...equals('ConnectorTaskType', filter.taskType),
    ...equals('ConnectorProject', filter.project),
    ...equals('ConnectorExternalId', filter.externalId),
  ];
  return parts.join(' AND ');
}

function equals(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name} = '${value.replace(/['\\]/g, '\\$&')}'`];
}
