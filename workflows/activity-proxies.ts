import { ActivityCancellationType, proxyActivities, type ActivityOptions } from '@temporalio/workflow';

import type { ConnectorActivities } from '../src/connector/activity-contract';
import type { WaitProfile } from '../src/connector/observation';
import type { TaskActivities } from '../activities/task-activities';
import type { TaskRouting } from './task-input';

/**
 * A lost worker is seen within the heartbeat time-out; two minutes let a read of 1,000 tasks end. Back-off is flat:
 * the real pauses are given by the activities themselves (`nextRetryDelay`).
 */
const COMMON = {
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 1, maximumInterval: '30 seconds' },
} as const satisfies ActivityOptions;

/** Submits and cancels overtake polls. */
const PRIORITY = { delete: 1, create: 2, poll: 4 } as const;

export interface StepOptions {
  /** What the Temporal UI shows on the timeline. */
  readonly summary: string;
  /** The nearest deadline, as a span from now; absent without one. */
  readonly scheduleToCloseMs?: number;
  readonly profile?: WaitProfile;
}

/** Given up at once on cancellation: it only reads, and nothing has been started yet. */
export function prepareActivity(routing: TaskRouting, step: StepOptions): ConnectorActivities['prepare'] {
  return proxyActivities<ConnectorActivities>({
    ...COMMON,
    ...spanOf(step),
    taskQueue: routing.control,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    priority: { priorityKey: PRIORITY.create },
    summary: step.summary,
  }).prepare;
}

/** Waits for its end on cancellation, because the reply names the job that must then be stopped. */
export function createActivity(routing: TaskRouting, step: StepOptions): ConnectorActivities['create'] {
  const tries = routing.fence === 'none' ? { maximumAttempts: 1 } : {};
  return proxyActivities<ConnectorActivities>({
    ...COMMON,
    ...spanOf(step),
    retry: { ...COMMON.retry, ...tries },
    taskQueue: routing.control,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    priority: { priorityKey: PRIORITY.create },
    summary: step.summary,
  }).create;
}

/** Given up at once on cancellation: it only reads. */
export function getActivity(routing: TaskRouting, step: StepOptions): ConnectorActivities['get'] {
  return proxyActivities<ConnectorActivities>({
    ...COMMON,
    ...spanOf(step),
    ...profileOf(routing, step.profile),
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    priority: { priorityKey: PRIORITY.poll },
    summary: step.summary,
  }).get;
}

/** A lost worker is seen by its heartbeats and a late job by its deadline; no hidden cap may end a healthy step. */
const LONG_STEP = '365 days';

export function executeActivity(routing: TaskRouting, step: StepOptions): ConnectorActivities['execute'] {
  return proxyActivities<ConnectorActivities>({
    ...COMMON,
    startToCloseTimeout: LONG_STEP,
    ...spanOf(step),
    ...profileOf(routing, step.profile),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    priority: { priorityKey: PRIORITY.poll },
    summary: step.summary,
  }).execute;
}

export function deleteActivity(routing: TaskRouting, step: StepOptions): ConnectorActivities['delete'] {
  return proxyActivities<ConnectorActivities>({
    ...COMMON,
    ...spanOf(step),
    taskQueue: routing.control,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    priority: { priorityKey: PRIORITY.delete },
    summary: step.summary,
  }).delete;
}

export function repairActivity(routing: TaskRouting, step: StepOptions): ConnectorActivities['repair'] {
  return proxyActivities<ConnectorActivities>({
    ...COMMON,
    ...spanOf(step),
    taskQueue: routing.control,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    priority: { priorityKey: PRIORITY.create },
    summary: step.summary,
  }).repair;
}

/** Activities about tasks rather than external jobs; served on the workflow's own task queue. */
export function taskActivities(step: StepOptions): TaskActivities {
  return proxyActivities<TaskActivities>({
    ...COMMON,
    ...spanOf(step),
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    priority: { priorityKey: PRIORITY.delete },
    summary: step.summary,
  });
}

function spanOf(step: StepOptions): Pick<ActivityOptions, 'scheduleToCloseTimeout'> {
  return step.scheduleToCloseMs === undefined ? {} : { scheduleToCloseTimeout: step.scheduleToCloseMs };
}

function profileOf(
  routing: TaskRouting,
  profile: WaitProfile = {},
): Partial<ActivityOptions> & { taskQueue: string } {
  return {
    taskQueue: profile.taskQueue ?? routing.polls,
    ...(profile.startToCloseMs === undefined ? {} : { startToCloseTimeout: profile.startToCloseMs }),
    ...(profile.heartbeatMs === undefined ? {} : { heartbeatTimeout: profile.heartbeatMs }),
  };
}
