import type { Attempt, TaskSpec } from './model';

/** A failure is retried; a time-out only if the task says so. What was canceled or never executed is not. */
export function isRetried(task: TaskSpec, { ending, executionAt, retry = 0 }: Attempt): boolean {
  if (ending === undefined || executionAt === undefined) return false;
  const isWorthIt = ending.result === 'FAILED' || (ending.result === 'TIMEDOUT' && task.retryOnTimeout);
  return isWorthIt && (task.maxRetries < 0 || retry < task.maxRetries);
}

/** The interval counts from the start of the failed attempt. */
export function retryOf(task: TaskSpec, failed: Attempt, runId: string): Attempt {
  const endedAt = failed.endedAt ?? failed.createdAt;
  const waitUntil = Math.max(endedAt, (failed.startedAt ?? endedAt) + task.minRetryIntervalMs);
  return {
    runId,
    taskKey: failed.taskKey,
    number: failed.number + 1,
    firstRunId: failed.firstRunId,
    createdAt: endedAt,
    phase: 'WAITING_FOR_RETRY',
    waitUntil,
    retry: (failed.retry ?? 0) + 1,
    ...(failed.input === undefined ? {} : { input: failed.input }),
  };
}
