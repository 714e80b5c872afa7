import {
  CancellationScope,
  defineSignal,
  defineUpdate,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { HandlerUnfinishedPolicy } from '@temporalio/common';

import { isJsonObject } from '../src/connector/json';
import { parseConnection } from '../src/connector/connection';
import { taskActivities } from './activity-proxies';
import { askRepair, assertRepairable } from './repair-request';
import type { CancelSignal, RepairAnswer } from './task-input';
import { publish, type TaskRun } from './task-run';

/** Look now: a person, a webhook, a poller of the whole workspace. */
const nudgeSignal = defineSignal('nudge');
/** Cancel with who and why; ends like Temporal's own cancel. */
const cancelSignal = defineSignal<[unknown?]>('cancel');
/** Use these credentials from now on: those that came with the task were replaced. */
const renewConnectionSignal = defineSignal<[unknown?]>('renewConnection');
/** Run the ended job again in place, during the pause before a next attempt. */
const repairUpdate = defineUpdate<RepairAnswer, [unknown]>('repair');

export function listen(task: TaskRun): void {
  if (task.input.canceled !== undefined) void cancel(task, task.input.canceled);
  setHandler(nudgeSignal, () => {
    nudge(task);
  });
  setHandler(renewConnectionSignal, (renewed) => {
    renewConnection(task, renewed);
  });
  setHandler(cancelSignal, (said) => cancel(task, said), {
    unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON,
  });
  setHandler(repairUpdate, (options) => askRepair(task, isJsonObject(options) ? options : {}), {
    validator: (options) => {
      assertRepairable(task, options);
    },
  });
}

/** What waits with the old credentials, a look or a stop, begins again at once with the new ones; a pause goes on. */
function renewConnection(task: TaskRun, renewed: unknown): void {
  const connection = parseConnection(renewed);
  if (connection === undefined || connection.digest === task.state.connection?.digest) return;
  task.state = { ...task.state, connection };
  publish(task, task.words);
  task.stopping?.cancel();
  if (task.waiting?.kind !== 'look') return;
  task.notBefore = Date.now();
  task.waiting.scope.cancel();
}

/** Nudges that come closer together are one: each costs about ten events. */
const NUDGE_GAP_MS = 5_000;

/** A nudge acts at once; those that follow within the gap act together when it is over, so that none is lost. */
function nudge(task: TaskRun): void {
  const now = Date.now();
  if (task.nudgedAt > now) return;
  task.nudgedAt = task.nudgedAt + NUDGE_GAP_MS > now ? task.nudgedAt + NUDGE_GAP_MS : now;
  task.notBefore = task.nudgedAt;
  task.waiting?.scope.cancel();
}

/**
 * Only the first signal acts; later ones may add who and why. The request of Temporal's own cancel must not be
 * canceled by it: a handler that ends canceled would close the task with its job still running.
 */
async function cancel(task: TaskRun, said: unknown): Promise<void> {
  const { cancel: earlier } = task.state;
  task.state = { ...task.state, cancel: { requestedAt: Date.now(), ...parseCancel(said), ...earlier } };
  if (earlier !== undefined) return;
  task.work.cancel();
  const { workflowId, runId } = workflowInfo();
  const { requestCancel } = taskActivities({ summary: 'close as Canceled' });
  await CancellationScope.nonCancellable(() => requestCancel({ workflowId, runId }));
}

const BY_LIMIT = 100;
const REASON_LIMIT = 300;

/** People send signals by hand: text is taken for the reason, anything else that is not understood for no words. */
function parseCancel(said: unknown): CancelSignal {
  if (typeof said === 'string') return { reason: said.slice(0, REASON_LIMIT) };
  if (!isJsonObject(said)) return {};
  const { by, reason } = said;
  return {
    ...(typeof by === 'string' ? { by: by.slice(0, BY_LIMIT) } : {}),
    ...(typeof reason === 'string' ? { reason: reason.slice(0, REASON_LIMIT) } : {}),
  };
}
