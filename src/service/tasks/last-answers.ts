import { createBoundedMap } from './bounded-map';
import type { TaskResource } from './task-service';

/** Longer than this an answer from memory would hide more than it tells. */
const KEPT_MS = 6 * 3_600_000;
/** A kilobyte each: more open tasks than one engine follows. */
const MOST_ANSWERS = 20_000;

interface Answer {
  readonly resource: TaskResource;
  readonly at: number;
}

/**
 * What this replica last answered about each task. Flyte's engine gives a job up, or freezes it, after more than five
 * failed GetTask calls over its whole life, so an outage of Temporal must not look like a failure.
 */
export interface LastAnswers {
  remember(id: string, resource: TaskResource, now: number): void;
  /** Is there an answer to recall? */
  knows(id: string, now: number): boolean;
  /** The last answer, saying that it is one from memory; undefined when there is none young enough. */
  recall(id: string, now: number): TaskResource | undefined;
}

export function createLastAnswers(): LastAnswers {
  const answers = createBoundedMap<Answer>(MOST_ANSWERS);
  const find = (id: string, now: number): Answer | undefined => {
    const answer = answers.get(id);
    return answer !== undefined && now - answer.at <= KEPT_MS ? answer : undefined;
  };
  return {
    knows: (id, now) => find(id, now) !== undefined,
    remember: (id, resource, now) => {
      answers.set(id, { resource, at: now });
    },
    recall: (id, now) => {
      const answer = find(id, now);
      return answer === undefined ? undefined : toRecalled(answer);
    },
  };
}

function toRecalled({ resource, at }: Answer): TaskResource {
  const seenAt = new Date(at).toISOString();
  const words = `last known at ${seenAt}; Temporal does not answer, the job itself is not affected`;
  const message = resource.message === '' ? words : `${resource.message} (${words})`;
  return { ...resource, message, customInfo: { ...resource.customInfo, lastKnownAt: seenAt } };
}
