import { WorkflowFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';

import type { TaskResult } from '../../workflows/task-input';
import { isJsonObject } from '../connector/json';
import { toClientError } from './client-errors';

/**
 * What a task leaves, once it has ended; undefined where its workflow could not say (terminated, timed out). With
 * `runId` that of this run, whoever may have opened the task again since.
 */
export async function readResult(
  client: Client,
  id: string,
  runId?: string,
): Promise<TaskResult | undefined> {
  try {
    return await client.workflow.getHandle<() => Promise<TaskResult>>(id, runId).result();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw toClientError(error, id);
    const details: unknown = error.cause instanceof ApplicationFailure ? error.cause.details?.[0] : undefined;
    return isTaskResult(details) ? details : undefined;
  }
}

function isTaskResult(value: unknown): value is TaskResult {
  return isJsonObject(value) && isJsonObject(value['resource']) && isJsonObject(value['receipt']);
}
