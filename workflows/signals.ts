import { defineSignal, setHandler, workflowInfo } from '@temporalio/workflow';

import { taskActivities } from './activity-proxies';
import type { CancelSignal } from './task-input';
import type { TaskRun } from './task-run';

/** Look now: a person, a webhook, a poller of the whole workspace. */
const nudgeSignal = defineSignal('nudge');
/** Cancel with who and why; ends like Temporal's own cancel. */
const cancelSignal = defineSignal<[CancelSignal?]>('cancel');

/** More nudges than this are one: each costs about ten events. */
const NUDGE_GAP_MS = 5_000;

export function listen(task: TaskRun): void {
  setHandler(nudgeSignal, () => {
    if (Date.now() - task.nudgedAt < NUDGE_GAP_MS) return;
    task.nudgedAt = Date.now();
    task.waiting?.cancel();
  });
  setHandler(cancelSignal, async (request = {}) => {
    noteCancel(task, request);
    task.work.cancel();
    const { workflowId, runId } = workflowInfo();
    await taskActivities('close as Canceled').requestCancel({ workflowId, runId });
  });
}

function noteCancel(task: TaskRun, request: CancelSignal): void {
  const { by, reason } = request;
  const said = { ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
  task.state = { ...task.state, cancel: { requestedAt: Date.now(), ...said, ...task.state.cancel } };
}
