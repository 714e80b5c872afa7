import { isActive, type Attempt, type Ending, type Run, type TaskSpec } from './model';
import { endKind } from './run-if';
import { WORKSPACE_ID } from './views';
import {
  isWireObject,
  readFlag,
  readInteger,
  readList,
  readObject,
  readText,
  toWireId,
  type WireObject,
} from './wire-json';

type EventName = 'on_start' | 'on_success' | 'on_failure' | 'on_duration_warning_threshold_exceeded';

/** Something that happened to a run or to an attempt of a task, and whom to tell. */
export interface Notification {
  /** The same event has the same key, however often it is seen. */
  readonly key: string;
  /** Ids of notification destinations. */
  readonly destinations: readonly string[];
  readonly payload: WireObject;
}

/** What a run keeps of its definition for its notifications. */
export function notificationSettings(settings: WireObject): WireObject {
  const { webhook_notifications, notification_settings, health } = settings;
  return { webhook_notifications, notification_settings, health };
}

/** All that has happened to a run so far. Source: docs.databricks.com, jobs/notifications. */
export function notificationsOf(run: Run, now: number): Notification[] {
  const ofTasks = run.attempts.flatMap((attempt) => {
    const task = run.tasks.find(({ key }) => key === attempt.taskKey);
    return task === undefined ? [] : taskNotifications(task, attempt, run);
  });
  return [...jobNotifications(run, now), ...ofTasks];
}

interface Subject {
  /** Where its `webhook_notifications` and `notification_settings` are. */
  readonly settings: WireObject;
  readonly payload: WireObject;
  readonly key: string;
}

function jobNotifications(run: Run, now: number): Notification[] {
  const subject: Subject = {
    settings: run.notifications ?? {},
    payload: { workspace_id: toWireId(WORKSPACE_ID), run: { run_id: toWireId(run.runId) }, job: jobOf(run) },
    key: `${run.runId}/${run.repairs.length}`, // a repaired run starts and ends again
  };
  const ending = isActive(run) ? undefined : run.ending;
  return [
    ...(run.startedAt === undefined ? [] : toNotification('on_start', subject)),
    ...(isTooLong(run, now) ? toNotification('on_duration_warning_threshold_exceeded', subject) : []),
    ...endNotifications(ending, subject),
  ];
}

function taskNotifications(task: TaskSpec, attempt: Attempt, run: Run): Notification[] {
  const subject: Subject = {
    settings: task.body,
    payload: {
      workspace_id: toWireId(WORKSPACE_ID),
      task: { task_key: task.key },
      run: { run_id: toWireId(attempt.runId), parent_run_id: toWireId(run.runId) },
      job: jobOf(run),
    },
    key: attempt.runId,
  };
  const isRetry = attempt.number > 0;
  const isRetried = run.attempts.some(
    ({ taskKey, number }) => taskKey === task.key && number > attempt.number,
  );
  const onLastOnly =
    readFlag(readObject(task.body, 'notification_settings') ?? {}, 'alert_on_last_attempt') ?? false;
  const starts = attempt.executionAt !== undefined && !(onLastOnly && isRetry);
  const ending = attempt.phase === 'ENDED' && !(onLastOnly && isRetried) ? attempt.ending : undefined;
  return [...(starts ? toNotification('on_start', subject) : []), ...endNotifications(ending, subject)];
}

function jobOf({ jobId, name }: Run): WireObject {
  return { job_id: toWireId(jobId), name };
}

function endNotifications(ending: Ending | undefined, subject: Subject): Notification[] {
  if (ending === undefined || isMuted(ending, subject)) return [];
  const kind = endKind(ending);
  switch (kind) {
    case 'succeeded':
      return toNotification('on_success', subject);
    case 'failed':
    case 'canceled':
      return toNotification('on_failure', subject);
    case 'excluded':
      return [];
    default:
      return kind satisfies never;
  }
}

function isMuted({ result, lifeCycle, code }: Ending, { settings }: Subject): boolean {
  const asked = readObject(settings, 'notification_settings') ?? {};
  const isCanceled = result === 'CANCELED';
  const isSkipped = lifeCycle === 'SKIPPED' || code === 'SKIPPED';
  return (
    (isCanceled && (readFlag(asked, 'no_alert_for_canceled_runs') ?? false)) ||
    (isSkipped && (readFlag(asked, 'no_alert_for_skipped_runs') ?? false))
  );
}

function isTooLong(run: Run, now: number): boolean {
  const rules = readList(readObject(run.notifications ?? {}, 'health') ?? {}, 'rules') ?? [];
  const rule = rules.filter(isWireObject).find(({ metric }) => metric === 'RUN_DURATION_SECONDS');
  const limit = rule === undefined ? undefined : readInteger(rule, 'value');
  if (limit === undefined || run.startedAt === undefined) return false;
  return (run.endedAt ?? now) - run.startedAt > limit * 1000;
}

function toNotification(event: EventName, { settings, payload, key }: Subject): Notification[] {
  const list = readList(readObject(settings, 'webhook_notifications') ?? {}, event) ?? [];
  const destinations = list.filter(isWireObject).map((entry) => readText(entry, 'id') ?? '');
  if (destinations.length === 0) return [];
  return [{ key: `${event}/${key}`, destinations, payload: { event_type: `jobs.${event}`, ...payload } }];
}
