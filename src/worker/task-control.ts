import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/common';

import type { TaskControl } from '../../activities/task-activities';
import { isJsonObject, type JsonObject } from '../connector/json';
import { TASK_MEMO_KEY, TASK_WORKFLOW_TYPE } from '../connector/task-names';

/** Temporal's client behind the narrow port of the task activities. */
export function createTaskControl(client: Client, workflowTaskQueue: string): TaskControl {
  return {
    requestCancel: async (workflowId, runId) => {
      try {
        await client.workflow.getHandle(workflowId, runId).cancel();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    look: async (workflowId) => {
      try {
        return toState(await client.workflow.getHandle(workflowId).describe());
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'missing';
        throw error;
      }
    },
    supersede: async (workflowId, { reason, standIn }) => {
      try {
        await client.workflow.signalWithStart(TASK_WORKFLOW_TYPE, {
          workflowId,
          taskQueue: workflowTaskQueue,
          args: [standIn],
          memo: memoOf(standIn),
          signal: 'cancel',
          signalArgs: [{ reason }],
          workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
  };
}

function memoOf({ template }: JsonObject): Record<string, unknown> {
  if (!isJsonObject(template)) return {};
  const { type, version, name = type } = template;
  return typeof type === 'string' && typeof version === 'number'
    ? { taskType: `${type} v${version}`, name }
    : {};
}

function toState({ status, memo }: WorkflowExecutionDescription): 'open' | 'canceling' | 'closed' {
  if (status.name !== 'RUNNING') return 'closed';
  const view = memo?.[TASK_MEMO_KEY];
  return isJsonObject(view) && view['canceling'] !== undefined ? 'canceling' : 'open';
}
