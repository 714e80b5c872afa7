import { createHash } from 'node:crypto';

import { invalidTask } from '../../connector/errors';
import { canonicalJson } from '../../connector/json';
import type { FlyteExecutionId, NewTask } from './task-service';

/** Longer ids are hard to handle in Temporal's UI and in shells; their tail becomes a hash. */
const LONGEST_ID_BYTES = 200;
const HASH_CHARACTERS = 32;
/** Each earlier one is looked at; no engine comes near this. */
const MOST_ATTEMPTS = 1_000;

/** `flyte:<cluster>:`, with which every id of this service begins. */
export function idPrefix(cluster: string): string {
  return `flyte:${toPart(cluster)}:`;
}

/**
 * The workflow id of one attempt of one Flyte task execution: the same for every repetition of its CreateTask, on every
 * replica. Without an execution id the output prefix and the template name it, which are equal in repetitions too.
 */
export function taskIdOf(cluster: string, task: NewTask): string {
  const { executionId } = task;
  if (executionId !== undefined) return idOfAttempt(cluster, executionId, executionId.attempt);
  const { type, version, name = null, custom, container } = task.template;
  const parts = [task.outputPrefix ?? '', type, version, name, custom, container ? { ...container } : null];
  return `${idPrefix(cluster)}anonymous:${hashOf(canonicalJson(parts))}`;
}

/** Ids of all attempts before this one: what still runs of them must end first. */
export function earlierIds(cluster: string, { executionId }: NewTask): string[] {
  if (executionId === undefined) return [];
  if (executionId.attempt > MOST_ATTEMPTS) {
    throw invalidTask(
      'task_execution_id.retry_attempt',
      `must not exceed ${MOST_ATTEMPTS}`,
      executionId.attempt,
    );
  }
  return Array.from({ length: executionId.attempt }, (_, attempt) =>
    idOfAttempt(cluster, executionId, attempt),
  );
}

/** Of a run that another service started and this one follows: the same wherever and however often it is asked about. */
export function adoptedId(cluster: string, taskType: string, meta: Uint8Array): string {
  const name = createHash('sha256').update(meta).digest('hex').slice(0, HASH_CHARACTERS);
  return `${idPrefix(cluster)}adopted:${toPart(taskType)}:${name}`;
}

function idOfAttempt(cluster: string, id: FlyteExecutionId, attempt: number): string {
  const { org, project, domain, execution, node, task } = id;
  const parts = [org, project, domain, execution, node, task].map(toPart);
  return shorten(`${idPrefix(cluster)}${parts.join(':')}:${attempt}`);
}

/** A colon inside a name must not look like the next part. */
function toPart(text: string): string {
  return text.replaceAll('%', '%25').replaceAll(':', '%3A');
}

function shorten(id: string): string {
  const bytes = Buffer.from(id);
  if (bytes.length <= LONGEST_ID_BYTES) return id;
  const kept = new TextDecoder().decode(bytes.subarray(0, LONGEST_ID_BYTES - HASH_CHARACTERS - 1));
  return `${kept.replace(/\uFFFD$/, '')}~${hashOf(id)}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARACTERS);
}
