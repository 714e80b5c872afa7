import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

import { forEach } from './tasks';

/** What stands open in one workflow, as `describe` tells it. */
export interface PendingWork {
  readonly historyLength: number;
  /** Activities that run on some worker now. */
  readonly running: number;
  /** Activities that wait for their next try: the server's business alone. */
  readonly waiting: number;
  /** Tries of the pending activity so far. */
  readonly tries: number;
}

const { PENDING_ACTIVITY_STATE_STARTED } = temporal.api.enums.v1.PendingActivityState;

export async function describePending(client: Client, ids: readonly string[]): Promise<PendingWork[]> {
  const found: PendingWork[] = [];
  await forEach(ids, async (id, index) => {
    const { raw, historyLength } = await client.workflow.getHandle(id).describe();
    found[index] = toPendingWork(raw.pendingActivities ?? [], historyLength);
  });
  return found;
}

function toPendingWork(
  activities: readonly temporal.api.workflow.v1.IPendingActivityInfo[],
  historyLength: number,
): PendingWork {
  const running = activities.filter(({ state }) => state === PENDING_ACTIVITY_STATE_STARTED).length;
  const [first] = activities;
  return {
    historyLength,
    running,
    waiting: activities.length - running,
    tries: first?.attempt ?? 0,
  };
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Timers that a workflow has ever started. */
export async function countTimers(client: Client, id: string): Promise<number> {
  const { events } = await client.workflow.getHandle(id).fetchHistory();
  return (events ?? []).filter(({ timerStartedEventAttributes }) => timerStartedEventAttributes).length;
}
