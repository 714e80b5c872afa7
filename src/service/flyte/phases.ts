import type { TaskPhase } from '../../connector/phase';

/** A phase that may be sent, by the name that both versions' `TaskExecution_Phase` have for it. */
export type SentPhase = Exclude<TaskPhase, 'UNDEFINED'>;

/**
 * Never UNDEFINED, whose number is 0: Flyte 1 then reads the deprecated `state`, whose 0 is a retryable failure, and
 * Flyte 2 reports a system error. An undefined phase is sent as QUEUED: it ends nothing, and the engine asks again.
 * Numbers are looked up by name, because they are not in our order.
 */
export function toSentPhase(phase: TaskPhase): SentPhase {
  return phase === 'UNDEFINED' ? 'QUEUED' : phase;
}
