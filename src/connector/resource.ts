import type { JsonObject } from './json';
import type { TaskPhase } from './phase';

/** Flyte's `TaskLog`: a named link that a person can open. */
export interface LogLink {
  readonly name: string;
  readonly uri: string;
}

/**
 * What is known of an external job at one moment: Flyte's `Resource`.
 * `phase` is never UNDEFINED for a job that exists.
 */
export interface Resource {
  readonly phase: TaskPhase;
  /** For people, at most {@link MESSAGE_LIMIT} characters where it is shown. */
  readonly message?: string;
  readonly logLinks?: readonly LogLink[];
  readonly outputs?: JsonObject;
  /** Facts of the vendor's own vocabulary (states, codes, durations), JSON only. */
  readonly customInfo?: JsonObject;
}

export const MESSAGE_LIMIT = 1024;
