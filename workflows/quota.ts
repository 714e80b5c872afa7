import type { CreateInput } from '../src/connector/activity-contract';
import type { AttemptDecision } from '../src/connector/observation';
import type { TaskPolicy } from '../src/connector/task-policy';
import type { AttemptReceipt, TaskState } from './task-input';
import type { FailedVerdict } from './task-state';

/**
 * Is this a failure that only waits its turn? Then it spends no attempt, but time. Tasks of earlier versions have no
 * budget for that in their input, and count as they did.
 */
export function isQuotaWait(policy: TaskPolicy, verdict: FailedVerdict, decision: AttemptDecision): boolean {
  return decision.action === 'retryAfter' && verdict.cause === 'quota' && (policy.quotaBudgetMs ?? 0) > 0;
}

/** What a submit is told of the wait for quotas, its own refusals included. */
export function quotaBudgetOf(
  { quotaBudgetMs = 0 }: TaskPolicy,
  state: TaskState,
): Pick<CreateInput, 'quotaBudgetMs' | 'quotaSince'> {
  const since = quotaStreak(state)[0]?.endedAt;
  if (quotaBudgetMs === 0) return {};
  return { quotaBudgetMs, ...(since === undefined ? {} : { quotaSince: since }) };
}

/** How often in a row, up to the current attempt, this task has waited for a quota. */
export function waitsForQuota(state: TaskState): number {
  return quotaStreak(state).length;
}

/** How long it has waited by the end of the current attempt; nothing when that is the first refusal. */
export function waitedForQuotaMs(state: TaskState): number {
  const [first] = quotaStreak(state);
  const endedAt = state.attempts[state.attempt - 1]?.endedAt;
  return first?.endedAt === undefined || endedAt === undefined ? 0 : endedAt - first.endedAt;
}

/** The attempts before the current one that ended on a quota, without a break. */
function quotaStreak({ attempts, attempt }: TaskState): AttemptReceipt[] {
  const earlier = attempts.slice(0, Math.max(0, attempt - 1));
  const lastOther = earlier.findLastIndex((row) => row.waitsForQuota !== true);
  return earlier.slice(lastOther + 1);
}
