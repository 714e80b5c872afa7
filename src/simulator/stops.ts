import { isActive, type Attempt, type Ending, type Run } from './model';

/** Wants an attempt stopped; the first reason counts. */
export function stopAttempt(attempt: Attempt, ending: Ending, at: number): void {
  if (attempt.ending === undefined) attempt.stop ??= { ending, at, killed: false };
}

/** Wants a run canceled; no-op for what has ended. */
export function requestCancel(run: Run, now: number): void {
  if (isActive(run)) run.cancelRequestedAt ??= now;
}
