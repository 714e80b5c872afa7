import { invalidTask } from './errors';
import { isJsonObject, type JsonObject, type JsonValue } from './json';

/** How Longhaul treats a task; every member is filled in by {@link parseTaskPolicy}. Durations in milliseconds. */
export interface TaskPolicy {
  /** Longest time in a queue of the external system. */
  readonly queueMs: number | null;
  /** Longest time from submission until the job runs. */
  readonly startMs: number | null;
  /** Longest time the job may run. */
  readonly executionMs: number | null;
  /** Longest time for the whole task, all attempts together. */
  readonly overallMs: number | null;
  /** External jobs this task may start in all. */
  readonly maxAttempts: number;
  /** Shortest and longest pause between two looks. */
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
  /** What to do when the external system stays out of reach; `fail` leaves the job alone and says so. */
  readonly onUnreachable: 'wait' | 'fail';
  readonly unreachableBudgetMs: number;
  /** What to do with an attempt of unknown outcome. */
  readonly onUnknown: 'fail' | 'retry';
  /** What to do when the job was deleted or has expired; `resubmit` begins a new attempt, within `maxAttempts`. */
  readonly onGone: 'fail' | 'resubmit';
  /**
   * How long a task waits for a quota without spending attempts, counted from the first refusal in a row; 0 spends them
   * like any other failure, and so does absence, in tasks of earlier versions.
   */
  readonly quotaBudgetMs?: number;
  /** How long a task that has failed stays open for a repair; absent: it closes at once. */
  readonly repairWindowMs?: number;
  /** What the task says of failures, in the words of its connector, which checks it: `onFailure` and its like. */
  readonly failure?: JsonObject;
}

/**
 * No deadline by default: a hidden cap would kill a healthy job. Three attempts bound what a platform failure may
 * cost; failures of the user's own code are never repeated. Polls start at 2 s so that short jobs end quickly and
 * grow to 60 s, which is what one open job may cost a workspace. A quota eases with the day, so it is waited for that long.
 */
export const DEFAULT_POLICY: TaskPolicy & { readonly quotaBudgetMs: number } = {
  queueMs: null,
  startMs: null,
  executionMs: null,
  overallMs: null,
  maxAttempts: 3,
  pollMinMs: 2_000,
  pollMaxMs: 60_000,
  onUnreachable: 'wait',
  unreachableBudgetMs: 30 * 60_000,
  onUnknown: 'fail',
  onGone: 'fail',
  quotaBudgetMs: 24 * 3_600_000,
};

/** Names in the task file → members of the policy. */
const DURATION_FIELDS = {
  queueTimeout: 'queueMs',
  startTimeout: 'startMs',
  executionTimeout: 'executionMs',
  overallTimeout: 'overallMs',
  pollMin: 'pollMinMs',
  pollMax: 'pollMaxMs',
  unreachableBudget: 'unreachableBudgetMs',
  quotaBudget: 'quotaBudgetMs',
  repairWindow: 'repairWindowMs',
} as const satisfies Record<string, keyof TaskPolicy>;

type DurationField = keyof typeof DURATION_FIELDS;

/** Kept as they are in `policy.failure`: only the connector knows its codes. */
const FAILURE_FIELDS: readonly string[] = ['onFailure', 'onSuccessWithFailures', 'onExcluded'];

/** Temporal's retry grain is a second: a shorter pause would only look shorter. */
const SHORTEST_POLL_MS = 1_000;

/**
 * Reads the `policy` of a task file: durations as `90s`, `15m`, `12h`, `2d` or milliseconds.
 * @throws INVALID_TASK naming the field and the value.
 */
export function parseTaskPolicy(value: unknown): TaskPolicy {
  if (value === undefined || value === null) return DEFAULT_POLICY;
  if (!isJsonObject(value)) throw invalidTask('policy', 'must be an object', value);
  const policy: { -readonly [K in keyof TaskPolicy]: TaskPolicy[K] } = { ...DEFAULT_POLICY };
  for (const [key, given] of Object.entries(value)) {
    if (isDurationField(key)) policy[DURATION_FIELDS[key]] = parseDuration(`policy.${key}`, given);
    else if (key === 'maxAttempts') policy.maxAttempts = parseCount('policy.maxAttempts', given);
    else if (key === 'onUnreachable') {
      policy.onUnreachable = parseChoice(`policy.${key}`, given, ['wait', 'fail']);
    } else if (key === 'onUnknown') policy.onUnknown = parseChoice(`policy.${key}`, given, ['fail', 'retry']);
    else if (key === 'onGone') policy.onGone = parseChoice(`policy.${key}`, given, ['fail', 'resubmit']);
    else if (FAILURE_FIELDS.includes(key)) policy.failure = { ...policy.failure, [key]: given };
    else throw invalidTask(`policy.${key}`, `is not known (known: ${KNOWN_FIELDS})`);
  }
  if (policy.pollMinMs < SHORTEST_POLL_MS) {
    throw invalidTask('policy.pollMin', 'must be at least 1s', value['pollMin']);
  }
  if (policy.pollMaxMs < policy.pollMinMs) throw invalidTask('policy.pollMax', 'must not be below pollMin');
  return policy;
}

const CHOICES = ['onUnreachable', 'onUnknown', 'onGone'] as const satisfies readonly (keyof TaskPolicy)[];
const KNOWN_FIELDS = [...Object.keys(DURATION_FIELDS), 'maxAttempts', ...CHOICES, ...FAILURE_FIELDS].join(
  ', ',
);

function isDurationField(key: string): key is DurationField {
  return Object.hasOwn(DURATION_FIELDS, key);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 };

/** @throws INVALID_TASK for anything that is not a positive duration. */
export function parseDuration(field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return Math.round(value);
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(value.trim()) : null;
  const ms = match === null ? 0 : Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0));
  if (ms > 0) return ms;
  throw invalidTask(field, 'must be a duration such as 90s, 15m, 12h or 2d', value);
}

function parseCount(field: string, value: JsonValue): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 100) return value;
  throw invalidTask(field, 'must be an integer from 1 to 100', value);
}

function parseChoice<T extends string>(field: string, value: JsonValue, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw invalidTask(field, `must be one of ${choices.join(', ')}`, value);
}
