import type { ErrorCode } from './errors';
import type { JsonObject } from './json';
import type { Resource } from './resource';
import type { ResourceMeta } from './resource-meta';

/** Where and how patiently the next step runs; what is left out keeps the workflow's default. */
export interface WaitProfile {
  readonly taskQueue?: string;
  readonly startToCloseMs?: number;
  readonly heartbeatMs?: number;
}

/** What the workflow does now. */
export type NextStep =
  /**
   * Look again later (the usual poll). `afterMs` is the provider's wish (Retry-After) and takes the place of our own
   * pause; `atLeastMs` only lengthens it, where many jobs share a request budget.
   */
  | {
      readonly kind: 'poll';
      readonly afterMs?: number;
      readonly atLeastMs?: number;
      readonly profile?: WaitProfile;
    }
  /** Sleep on a durable timer until this time (epoch milliseconds), then look. */
  | { readonly kind: 'sleep'; readonly until: number; readonly profile?: WaitProfile }
  /** Run the connector's long, heartbeating `execute` (a trigger, a whole operator). */
  | { readonly kind: 'execute'; readonly profile?: WaitProfile }
  /** Nothing: the external job is terminal. */
  | { readonly kind: 'done'; readonly verdict: Verdict };

/** Whose fault a failure is, as far as the vendor's own words tell. */
export type FailureCause = 'user' | 'platform' | 'quota' | 'unknown';

/** What to do about a failed attempt: decided by the connector's policy, applied by the workflow. */
export type AttemptDecision =
  | { readonly action: 'fail'; readonly reason: string }
  | { readonly action: 'retry'; readonly reason: string }
  | { readonly action: 'retryAfter'; readonly delayMs: number; readonly reason: string }
  | { readonly action: 'repair'; readonly reason: string }
  | { readonly action: 'resubmit'; readonly patch: JsonObject; readonly reason: string };

/** How an external job ended. Only `succeeded` is green. */
export type Verdict =
  | { readonly kind: 'succeeded' }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly cause: FailureCause;
      /** What the connector advises; `policy.retry` bounds it. */
      readonly decision: AttemptDecision;
    };

/** What an activity saw and what comes next. */
export interface Observation {
  readonly meta: ResourceMeta;
  readonly resource: Resource;
  readonly next: NextStep;
}
