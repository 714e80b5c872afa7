import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

import type { ConnectorRegistry } from '../connector/registry';
import { workerCommand } from './known-connector';
import type { TaskStatus } from './task-status';

const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = temporal.api.enums.v1.TaskQueueType;

interface Surroundings {
  readonly client: Client;
  readonly namespace: string;
  readonly registry: ConnectorRegistry;
}

/** Where a task waits for a worker and there is none, the message says so, and how to start one. */
export async function nameMissingWorker(
  { client, namespace, registry }: Surroundings,
  status: TaskStatus,
): Promise<TaskStatus> {
  const { waitingFor } = status;
  if (waitingFor === undefined) return status;
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: waitingFor.taskQueue },
    taskQueueType: waitingFor.kind === 'workflow' ? TASK_QUEUE_TYPE_WORKFLOW : TASK_QUEUE_TYPE_ACTIVITY,
  });
  if (pollers.length > 0) return status;
  const command = workerCommand(registry, status.taskType, waitingFor);
  const message = `no worker serves the task queue ${waitingFor.taskQueue}; start one with: ${command}`;
  return { ...status, message, phase: status.meta === undefined ? 'WAITING_FOR_RESOURCES' : status.phase };
}
