import type { TaskStatus } from '../../client';
import type { FailureCause } from '../../connector/observation';
import type { JsonObject, JsonValue } from '../../connector/json';
import { isTerminalPhase, type TaskPhase } from '../../connector/phase';
import type { LogLink, Resource } from '../../connector/resource';
import type { TaskResource } from './task-service';

export interface ResourceSources {
  readonly status: TaskStatus;
  /** What a succeeded task left. */
  readonly result?: Resource | undefined;
  /** The task's page in the Temporal UI, where one is known. */
  readonly taskUrl?: string | undefined;
  readonly now: number;
}

/** One task as Flyte's engine is told of it; a closed workflow says more than the phase it was last seen in. */
export function toTaskResource(sources: ResourceSources): TaskResource {
  const { status, result, taskUrl } = sources;
  const phase = phaseOf(sources);
  const page: LogLink[] = taskUrl === undefined ? [] : [{ name: 'Longhaul task (Temporal)', uri: taskUrl }];
  const outputs = status.state === 'COMPLETED' ? result?.outputs : undefined;
  return {
    phase,
    message: messageOf(status, phase),
    links: [...status.links, ...page],
    customInfo: customInfoOf(status, result),
    ...(outputs === undefined ? {} : { outputs }),
  };
}

function phaseOf({ status, now }: ResourceSources): TaskPhase {
  switch (status.state) {
    case 'OPEN':
      return openPhase(status, now);
    case 'COMPLETED':
      return 'SUCCEEDED';
    case 'FAILED':
      return isWorthRetrying(status.cause) ? 'RETRYABLE_FAILED' : 'FAILED';
    case 'CANCELED': // The engine would drop the message of ABORTED: who canceled, and why.
    case 'TERMINATED':
    case 'TIMED_OUT':
      return 'FAILED';
    default:
      return status.state satisfies never;
  }
}

function isWorthRetrying(cause: FailureCause | undefined): boolean {
  return cause === 'platform' || cause === 'quota';
}

/** Longer than any external system takes to name a job's page; a connector without links must not hide that it runs. */
const LINKS_DUE_MS = 60_000;

/** The engine shows the first RUNNING answer for good, so it must have the links; an open task is never terminal. */
function openPhase(status: TaskStatus, now: number): TaskPhase {
  const { phase, waitingFor, meta, links } = status;
  if (waitingFor !== undefined && meta === undefined) return 'WAITING_FOR_RESOURCES';
  const open = isTerminalPhase(phase) ? 'RUNNING' : phase;
  if (open === 'UNDEFINED') return 'QUEUED';
  const isYoung = now - (status.updatedAt ?? status.startedAt) < LINKS_DUE_MS;
  return open === 'RUNNING' && links.length === 0 && isYoung ? 'INITIALIZING' : open;
}

function messageOf(status: TaskStatus, phase: TaskPhase): string {
  const { message = '', code, waitingFor, meta } = status;
  if (waitingFor !== undefined && meta === undefined) {
    return `no worker has taken it from the task queue ${waitingFor.taskQueue} yet`;
  }
  const isFailed = phase === 'FAILED' || phase === 'RETRYABLE_FAILED';
  return isFailed && code !== undefined && code !== 'CANCELED' ? `${code}: ${message}` : message;
}

function customInfoOf(status: TaskStatus, result: Resource | undefined): JsonObject {
  const { id, runId, taskType, externalId, attempt, meta, code, cause, receipt } = status;
  const known: Record<string, JsonValue | undefined> = {
    ...result?.customInfo,
    task: id,
    temporalRunId: runId,
    taskType,
    externalId,
    attempt,
    meta,
    code,
    cause,
    unreachableSince: isoOf(status.unreachableSince),
    attempts: receipt?.attempts.map(({ token, posts, externalId: job = null }) => ({ token, posts, job })),
  };
  const pairs = Object.entries(known).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return Object.fromEntries(pairs);
}

function isoOf(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}
