import type { ErrorCode } from '../src/connector/errors';
import type { TaskPolicy } from '../src/connector/task-policy';
import type { AttemptReceipt, TaskState } from './task-input';

/** One of the four limits a task may name, as an absolute time. */
export interface Deadline {
  readonly code: Extract<ErrorCode, `DEADLINE_${string}`>;
  readonly at: number;
  readonly limitMs: number;
}

/**
 * The deadlines that hold now, nearest first. `queue` ends when the job leaves QUEUED, `start` when it first runs,
 * `execution` begins there; `overall` covers every attempt and pause. An ended attempt has no deadline of its own; a
 * repaired one counts anew.
 */
export function activeDeadlines(policy: TaskPolicy, state: TaskState): Deadline[] {
  const current: Partial<AttemptReceipt> = state.attempts[state.attempt - 1] ?? {};
  const { runningAt, endedAt } = current;
  const startedAt = current.repairedAt ?? current.submittedAt;
  const overall = deadline('DEADLINE_OVERALL', policy.overallMs, state.startedAt);
  if (endedAt !== undefined) return overall === null ? [] : [overall];
  const waits = state.resource.phase === 'QUEUED' || state.resource.phase === 'WAITING_FOR_RESOURCES';
  const limits = [
    overall,
    deadline('DEADLINE_EXECUTION', policy.executionMs, runningAt),
    deadline('DEADLINE_START', policy.startMs, runningAt === undefined ? startedAt : undefined),
    deadline('DEADLINE_QUEUE', policy.queueMs, runningAt === undefined && waits ? startedAt : undefined),
  ];
  return limits.filter((limit) => limit !== null).sort((a, b) => a.at - b.at);
}

function deadline(
  code: Deadline['code'],
  limitMs: number | null,
  since: number | undefined,
): Deadline | null {
  return limitMs === null || since === undefined ? null : { code, limitMs, at: since + limitMs };
}
