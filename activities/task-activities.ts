import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

import type { JsonObject } from '../src/connector/json';

/** Activities about tasks themselves, served next to the workflow. */
export interface TaskActivities {
  /** Requests Temporal's own cancel of a task: a workflow canceled by a signal alone cannot close as Canceled. */
  requestCancel(input: { readonly workflowId: string; readonly runId: string }): Promise<void>;
  /** Cancels what still runs of these tasks and returns when all of them are closed and none can be started any more. */
  stopTasks(input: StopTasksInput): Promise<void>;
}

export interface StopTasksInput {
  readonly workflowIds: readonly string[];
  /** In whose favor, for the record. */
  readonly reason: string;
  /** Input of a task that takes the place of one that was never started; canceled before it does anything. */
  readonly standIn: JsonObject;
}

/** What these activities need of Temporal's client. */
export interface TaskControl {
  requestCancel(workflowId: string, runId?: string): Promise<void>;
  look(workflowId: string): Promise<'open' | 'canceling' | 'closed' | 'missing'>;
  /** Cancels the task, in one step with starting the stand-in where there is none: a late start finds its id taken. */
  supersede(workflowId: string, input: Omit<StopTasksInput, 'workflowIds'>): Promise<void>;
}

const LOOK_AGAIN_MS = 2_000;

export function createTaskActivities(control: TaskControl): TaskActivities {
  return {
    requestCancel: ({ workflowId, runId }) => control.requestCancel(workflowId, runId),
    stopTasks: async ({ workflowIds, ...supersession }) => {
      const stops = workflowIds.map((workflowId) => stopTask(control, workflowId, supersession));
      const states = await Promise.all(stops);
      const open = workflowIds.filter((_workflowId, index) => states[index] === 'open');
      if (open.length > 0) throw stillOpen(open);
    },
  };
}

async function stopTask(
  control: TaskControl,
  workflowId: string,
  supersession: Omit<StopTasksInput, 'workflowIds'>,
): Promise<'open' | 'closed'> {
  const state = await control.look(workflowId);
  if (state === 'closed') return state;
  if (state !== 'canceling') await control.supersede(workflowId, supersession);
  return 'open';
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
