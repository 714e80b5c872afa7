import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

import {
  NOT_CHANGED,
  STOPPING,
  type ActivityFailureDetails,
  type PollSnapshot,
} from '../src/connector/activity-contract';
import type { LonghaulError } from '../src/connector/errors';
import { jsonBytes } from '../src/connector/json';

/** The server keeps the last failure of a waiting activity whole only below 4 KB; beyond, details are dropped. */
const MESSAGE_LIMIT = 1_000;
const SNAPSHOT_LIMIT_BYTES = 2_500;

/** Ours → Temporal's: `type` is the code. */
export function toApplicationFailure(
  error: LonghaulError,
  options: { readonly retryInMs?: number; readonly posts?: number } = {},
): ApplicationFailure {
  const { code, advice, field } = error;
  const details: ActivityFailureDetails = {
    code,
    ...(advice === undefined ? {} : { advice }),
    ...(field === undefined ? {} : { field }),
    ...(options.posts === undefined ? {} : { posts: options.posts }),
  };
  const failure = ApplicationFailure.create({
    type: code,
    message: error.message.slice(0, MESSAGE_LIMIT),
    nonRetryable: options.retryInMs === undefined,
    details: [details],
    ...(options.retryInMs === undefined ? {} : { nextRetryDelay: options.retryInMs }),
  });
  return withoutStack(failure);
}

/** "Nothing changed": not an error but a state in words, which `describe` reads from the waiting activity. */
export function notChanged(snapshot: PollSnapshot, delayMs: number): ApplicationFailure {
  const seconds = Math.round(delayMs / 1000);
  const said = snapshot.trouble === undefined ? snapshot.phase : `out of reach (${snapshot.trouble.message})`;
  return benign(NOT_CHANGED, `${said}, next check in ${seconds} s`, { delayMs, detail: fitting(snapshot) });
}

/** "Asked to stop, not seen stopped yet". */
export function stopping(message: string, delayMs: number): ApplicationFailure {
  return benign(STOPPING, `${message}, next check in ${Math.round(delayMs / 1000)} s`, { delayMs });
}

function benign(
  type: string,
  message: string,
  { delayMs, detail }: { readonly delayMs: number; readonly detail?: PollSnapshot },
): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type,
    message: message.slice(0, MESSAGE_LIMIT),
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay: delayMs,
    ...(detail === undefined ? {} : { details: [detail] }),
  });
  return withoutStack(failure);
}

function fitting(snapshot: PollSnapshot): PollSnapshot {
  let fitted = snapshot;
  for (const lighter of REDUCTIONS) {
    if (jsonBytes(fitted) <= SNAPSHOT_LIMIT_BYTES) return fitted;
    fitted = lighter(fitted);
  }
  return fitted;
}

/** What goes first when a snapshot is too large: the memo keeps it. */
const REDUCTIONS: readonly ((snapshot: PollSnapshot) => PollSnapshot)[] = [
  ({ links: _links, ...rest }) => rest,
  (rest) => ({ ...rest, ...(rest.message === undefined ? {} : { message: rest.message.slice(0, 300) }) }),
  ({ meta: _meta, ...rest }) => rest,
];

/** A stack would be two thirds of a state message and means nothing to its readers. */
function withoutStack(failure: ApplicationFailure): ApplicationFailure {
  failure.stack = '';
  return failure;
}
