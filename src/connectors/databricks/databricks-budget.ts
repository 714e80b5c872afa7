import type { WorkspaceLimits } from './databricks-workspace';

/** A request budget in requests per second; see {@link WorkspaceLimits}. */
export type Budget = Required<WorkspaceLimits>;

/**
 * For a workspace that says nothing. 20/s is the lowest documented limit of a call we make (`run-now`) and a fifth of
 * that of `runs/get`: other tools of the workspace share its limits. 10 starts/s are half of it, so that looks and
 * cancels always have room, and far beyond the 10,000 runs an hour that a workspace takes.
 */
export const DEFAULT_BUDGET: Budget = { requestsPerSecond: 20, submitsPerSecond: 10 };

/** The part that looks at running jobs may use up: the rest stays for submits, cancels, outputs and tokens. */
export const SHARE_OF_LOOKS = 0.7;

/** Half a second's worth may go at once, so that no ten seconds hold more than 105 % of the rate. */
const BURST_SECONDS = 0.5;

/** The limits of a workspace, completed: without a limit for starts they get half of a smaller budget. */
export function toBudget(limits: WorkspaceLimits = {}): Budget {
  const requestsPerSecond = limits.requestsPerSecond ?? DEFAULT_BUDGET.requestsPerSecond;
  const usual = Math.min(DEFAULT_BUDGET.submitsPerSecond, requestsPerSecond / 2);
  return {
    requestsPerSecond,
    submitsPerSecond: Math.min(limits.submitsPerSecond ?? usual, requestsPerSecond),
  };
}

/** One of `processes` that share a workspace gets this part of its budget. */
export function shareOf({ requestsPerSecond, submitsPerSecond }: Budget, processes: number): Budget {
  return {
    requestsPerSecond: requestsPerSecond / processes,
    submitsPerSecond: submitsPerSecond / processes,
  };
}

/** A token bucket that knows no clock: all times are milliseconds of the caller's monotonic one. */
export interface Bucket {
  /** Time between two requests in the long run. */
  readonly intervalMs: number;
  /** When the next request may go. */
  readonly nextAt: number;
  /** Lets one go at `now`, which is not before `nextAt`. */
  take(now: number): void;
  /** Lets none go before `until`, and no burst then: who has waited together must not come back together. */
  hold(until: number): void;
}

export function createBucket(perSecond: number): Bucket {
  const intervalMs = 1000 / perSecond;
  const slackMs = (Math.max(1, perSecond * BURST_SECONDS) - 1) * intervalMs;
  /** When the bucket would be full again but for one request: the whole state. */
  let level = Number.NEGATIVE_INFINITY;
  return {
    intervalMs,
    get nextAt() {
      return level - slackMs;
    },
    take: (now) => {
      level = Math.max(level, now) + intervalMs;
    },
    hold: (until) => {
      level = Math.max(level, until + slackMs);
    },
  };
}

const WINDOW_MS = 10_000;
/** By then the other side has counted a request, answered or not. */
const COUNTED_WITHIN_MS = 2_000;

/**
 * What the other side may have counted within ten seconds: 110 % of the rate and no more. The bucket paces what is sent;
 * a network that holds requests back and delivers them together would still let the other side count more.
 */
export interface Window {
  nextAt(now: number): number;
  take(now: number): void;
  /** The one that was sent at `sentAt` was counted by `now`. */
  answered(sentAt: number, now: number): void;
}

interface Sent {
  readonly sentAt: number;
  /** The latest moment at which it may have been counted. */
  readonly countedAt: number;
}

export function createWindow(perSecond: number): Window {
  const most = Math.max(1, Math.floor(perSecond * (WINDOW_MS / 1000) * 1.1));
  let sent: readonly Sent[] = [];
  return {
    nextAt: (now) => {
      sent = sent.filter(({ countedAt }) => countedAt > now - WINDOW_MS);
      if (sent.length < most) return Number.NEGATIVE_INFINITY;
      const counted = sent.map(({ countedAt }) => countedAt).sort((a, b) => a - b);
      return (counted[sent.length - most] ?? now) + WINDOW_MS;
    },
    take: (now) => {
      sent = [...sent, { sentAt: now, countedAt: now + COUNTED_WITHIN_MS }];
    },
    answered: (sentAt, now) => {
      const index = sent.findIndex((each) => each.sentAt === sentAt && each.countedAt > now);
      if (index >= 0) sent = sent.with(index, { sentAt, countedAt: now });
    },
  };
}

const FIRST_PAUSE_MS = 5_000;
const LONGEST_DEFAULT_PAUSE_MS = 60_000;
/** A longer wish is not waited out: a cancel must not stand still for longer. */
const LONGEST_PAUSE_MS = 120_000;
/** Several processes that were refused together come back one after the other. */
const JITTER = 0.2;

/** How long nothing is sent after a refusal: what the server asks for, else 5, 10, 20 … seconds up to a minute. */
export interface Backoff {
  /** `sentAt`: when the refused request was sent; those of before the pause tell nothing new. */
  refused(refusal: { readonly now: number; readonly sentAt: number; readonly wishedMs?: number }): number;
  accepted(sentAt: number): void;
}

export function createBackoff(random: () => number = Math.random): Backoff {
  let refusals = 0;
  let refusedAt = Number.NEGATIVE_INFINITY;
  return {
    refused: ({ now, sentAt, wishedMs }) => {
      if (sentAt >= refusedAt) {
        refusals += 1;
        refusedAt = now;
      }
      const growing = Math.min(LONGEST_DEFAULT_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(refusals - 1, 10));
      const pauseMs = Math.min(LONGEST_PAUSE_MS, wishedMs ?? growing);
      return now + pauseMs * (1 + JITTER * random());
    },
    accepted: (sentAt) => {
      if (sentAt > refusedAt) refusals = 0;
    },
  };
}
