import { DEFAULT_POLICY, type TaskPolicy } from '../../connector/task-policy';

/**
 * Flyte's engine owns attempts and time-outs: it creates the next attempt itself, also after a quota, and deletes what
 * takes too long.
 */
export const FLYTE_POLICY: TaskPolicy = { ...DEFAULT_POLICY, maxAttempts: 1, quotaBudgetMs: 0 };
