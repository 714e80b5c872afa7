import { randomUUID } from 'node:crypto';

import type { ActivityOptions, Client } from '@temporalio/client';

import type { Connection } from '../connector/connection';
import { createReplyBox } from '../config/sealed-reply';
import type { OutputsResult } from '../connector/activity-contract';
import type { JobOutputs, LogsPage, LogsRequest, OutputsRequest, TaskMetric } from '../connector/connector';
import type { FoundJob } from '../connector/job-finder';
import type { FindJobInput } from '../../activities';
import { LonghaulError } from '../connector/errors';
import { isJsonObject } from '../connector/json';
import type { ResourceMeta } from '../connector/resource-meta';
import type { TaskCategory } from '../connector/task-template';
import { codedFailure } from './client-errors';

/** Which worker is asked about which job. */
export interface ConnectorTarget {
  readonly taskCategory: TaskCategory;
  readonly meta: ResourceMeta;
  readonly taskQueue: string;
  /** Credentials that came with the task. */
  readonly connection?: Connection;
}

/** Long enough for a paged read, short enough for a person who waits; without a worker nothing would ever answer. */
const ANSWER_WITHIN = '60 seconds';

/**
 * Asks a worker about a job by a standalone activity: the credentials are where the workers are, the task's history
 * does not grow, and an ended task can be asked too. Needs Temporal server 1.31 or later.
 */
export function callGetLogs(
  client: Client,
  target: ConnectorTarget,
  request: LogsRequest,
): Promise<LogsPage> {
  const { taskQueue, ...call } = target;
  return answerOf(
    client.activity.execute<LogsPage>('getLogs', {
      ...options('getLogs', taskQueue),
      args: [{ ...call, request }],
    }),
  );
}

/** What the external system says of a job that a person names. */
export function callFindJob(
  client: Client,
  { taskQueue, ...call }: FindJobInput & { readonly taskQueue: string },
): Promise<FoundJob> {
  return answerOf(
    client.activity.execute<FoundJob>('findJob', { ...options('findJob', taskQueue), args: [call] }),
  );
}

export function callGetMetrics(client: Client, target: ConnectorTarget): Promise<readonly TaskMetric[]> {
  const { taskQueue, ...call } = target;
  return answerOf(
    client.activity.execute<readonly TaskMetric[]>('getMetrics', {
      ...options('getMetrics', taskQueue),
      args: [call],
    }),
  );
}

/** The worker seals its answer to this call: what is in it is for nobody who reads Temporal. */
export async function callGetOutputs(
  client: Client,
  target: ConnectorTarget,
  request: OutputsRequest,
): Promise<JobOutputs> {
  const { taskQueue, ...call } = target;
  const box = createReplyBox();
  const { sealed } = await answerOf(
    client.activity.execute<OutputsResult>('getOutputs', {
      ...options('getOutputs', taskQueue),
      args: [{ ...call, request, replyKey: box.publicKey }],
    }),
  );
  const outputs = box.open(sealed);
  if (!isJsonObject(outputs)) throw new LonghaulError('INTERNAL', 'The worker answered with no outputs.');
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([task, output]) => (isJsonObject(output) ? [[task, output]] : [])),
  );
}

function options(
  name: string,
  taskQueue: string,
): Pick<ActivityOptions, 'id' | 'taskQueue' | 'startToCloseTimeout' | 'scheduleToCloseTimeout'> {
  return {
    id: `${name}-${randomUUID()}`,
    taskQueue,
    startToCloseTimeout: ANSWER_WITHIN,
    scheduleToCloseTimeout: ANSWER_WITHIN,
  };
}

async function answerOf<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toError(error);
  }
}

function toError(error: unknown): LonghaulError {
  const ours = codedFailure(error);
  if (ours !== undefined) return ours;
  const message = error instanceof Error ? error.message : String(error);
  return new LonghaulError('UNAVAILABLE', `No worker answers: ${message}`, {
    cause: error,
    advice: 'Check that a worker runs: longhaul doctor.',
  });
}
