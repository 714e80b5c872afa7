import { WorkflowNotFoundError, type Client } from '@temporalio/client';

import type { TaskControl } from '../../activities/task-activities';

/** Temporal's client behind the narrow port of the task activities. */
export function createTaskControl(client: Client): TaskControl {
  return {
    requestCancel: async (workflowId, runId) => {
      try {
        await client.workflow.getHandle(workflowId, runId).cancel();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    isOpen: async (workflowId) => {
      try {
        return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
  };
}
