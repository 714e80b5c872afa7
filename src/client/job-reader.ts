import type { Client } from '@temporalio/client';

import type { TaskResult } from '../../workflows/task-input';
import type { Connection } from '../connector/connection';
import type { AsyncConnector, LogsPage, OutputsRequest, TaskMetric } from '../connector/connector';
import { LonghaulError } from '../connector/errors';
import type { JsonObject } from '../connector/json';
import type { ConnectorRegistry } from '../connector/registry';
import { taskQueuesOf } from '../connector/task-queues';
import { callGetLogs, callGetMetrics, callGetOutputs, type ConnectorTarget } from './connector-call';
import { endWithTask, type TaskLogsRequest } from './task-logs';
import { toTaskReport, type TaskReport } from './task-report';
import type { TaskStatus } from './task-status';

/** Who is asked about jobs, and through what. */
export interface JobReader {
  readonly client: Client;
  readonly registry: ConnectorRegistry;
}

/** What a task's job gave, and whether that was kept with the task or read from the job now. */
export interface TaskOutputs {
  readonly from: 'record' | 'job';
  readonly outputs: JsonObject;
}

export async function readLogs(
  reader: JobReader,
  status: TaskStatus,
  request: TaskLogsRequest,
): Promise<LogsPage> {
  const { connector, target } = jobOf(reader, status);
  const { source = 'output', ...rest } = request;
  if (source === 'events' || !(connector.logSources ?? ['output']).includes(source)) {
    throw new LonghaulError('UNSUPPORTED', `${connector.name} has no logs of the source ${source}.`);
  }
  const page = await callGetLogs(reader.client, target, source === 'output' ? rest : { ...rest, source });
  return endWithTask(page, status.state);
}

export async function readMetrics(reader: JobReader, status: TaskStatus): Promise<readonly TaskMetric[]> {
  return callGetMetrics(reader.client, jobOf(reader, status).target);
}

/** What was kept with a succeeded task, where it is all of it: more tasks may have given something than are kept. */
export function keptOutputs({ resource }: Pick<TaskResult, 'resource'>): JsonObject | undefined {
  const unread = resource.customInfo?.['outputs_unread'];
  return typeof unread === 'number' && unread > 0 ? undefined : resource.outputs;
}

export async function readOutputs(
  reader: JobReader,
  status: TaskStatus,
  { request, kept }: { readonly request: OutputsRequest; readonly kept: JsonObject | undefined },
): Promise<TaskOutputs> {
  if (kept !== undefined && request.task === undefined) return { from: 'record', outputs: kept };
  const { connector, target } = jobOf(reader, status);
  if (connector.getOutputs === undefined) {
    throw new LonghaulError('UNSUPPORTED', `${connector.name} does not offer outputs of its own.`);
  }
  return { from: 'job', outputs: await callGetOutputs(reader.client, target, request) };
}

export async function readReport(
  reader: JobReader,
  status: TaskStatus,
  result: TaskResult | undefined,
): Promise<TaskReport> {
  const parts = { status, result, now: Date.now() };
  try {
    return toTaskReport({ ...parts, metrics: await readMetrics(reader, status) });
  } catch (error) {
    if (!(error instanceof LonghaulError)) throw error;
    return toTaskReport({ ...parts, metrics: [], metricsMissing: error.message });
  }
}

function jobOf(
  { registry }: JobReader,
  { id, taskType, meta, connection }: TaskStatus,
): { readonly connector: AsyncConnector; readonly target: ConnectorTarget } {
  if (meta === undefined) throw new LonghaulError('NOT_FOUND', `Task ${id} has not started a job yet.`);
  const connector = connectorOf(registry, taskType);
  if (connection !== undefined) assertShown(id, connection);
  const target = {
    taskCategory: connector.taskCategory,
    meta,
    taskQueue: taskQueuesOf(connector, { meta }).control,
    ...(connection === undefined ? {} : { connection }),
  };
  return { connector, target };
}

/** @throws UNKNOWN_TASK_TYPE. */
export function connectorOf(registry: ConnectorRegistry, taskType: string): AsyncConnector {
  const [name = '', version = '0'] = taskType.split(' v');
  return registry.getConnector(name, Number(version));
}

/** Without them the workspace's own would be used, and the task may have lesser rights. */
function assertShown(id: string, { secrets }: Connection): void {
  if (Object.keys(secrets).length > 0) return;
  throw new LonghaulError(
    'SECRET_UNAVAILABLE',
    `The credentials that came with task ${id} are too large to be kept for questions about its job.`,
    { advice: 'Ask the external system itself; the task is followed and stopped all the same.' },
  );
}
