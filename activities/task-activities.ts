import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

/** Activities about tasks themselves, served next to the workflow. */
export interface TaskActivities {
  /** Requests Temporal's own cancel of a task: a workflow canceled by a signal alone cannot close as Canceled. */
  requestCancel(input: { readonly workflowId: string; readonly runId: string }): Promise<void>;
  /** Requests cancel of what still runs of these tasks and returns when all of them are closed. */
  stopTasks(input: { readonly workflowIds: readonly string[] }): Promise<void>;
}

/** What these activities need of Temporal's client. */
export interface TaskControl {
  requestCancel(workflowId: string, runId?: string): Promise<void>;
  /** False also for a task that never existed. */
  isOpen(workflowId: string): Promise<boolean>;
}

const LOOK_AGAIN_MS = 2_000;

export function createTaskActivities(control: TaskControl): TaskActivities {
  return {
    requestCancel: ({ workflowId, runId }) => control.requestCancel(workflowId, runId),
    stopTasks: async ({ workflowIds }) => {
      const open = await openAmong(control, workflowIds);
      if (open.length === 0) return;
      await Promise.all(open.map((workflowId) => control.requestCancel(workflowId)));
      throw stillOpen(open);
    },
  };
}

async function openAmong(control: TaskControl, workflowIds: readonly string[]): Promise<string[]> {
  const states = await Promise.all(workflowIds.map((workflowId) => control.isOpen(workflowId)));
  return workflowIds.filter((_workflowId, index) => states[index]);
}

function stillOpen(workflowIds: readonly string[]): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type: 'StillOpen',
    message: `waiting for ${workflowIds.join(', ')} to stop, next check in ${LOOK_AGAIN_MS / 1000} s`,
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay: LOOK_AGAIN_MS,
  });
  failure.stack = '';
  return failure;
}
