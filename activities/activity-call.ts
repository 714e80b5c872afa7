import { Context } from '@temporalio/activity';

import type { Connection } from '../src/connector/connection';
import type { CallContext, Logger } from '../src/connector/connector';
import { isJsonObject, type JsonObject } from '../src/connector/json';
import type { Trouble } from '../src/connector/activity-contract';
import type { TaskExecutionMetadata } from '../src/connector/task-template';
import type { SecretPort } from './ports';

/** What one activity keeps from try to try, in its heartbeat. */
export interface SavedState {
  /** The connector's own, from `saveState`. */
  readonly connector?: JsonObject;
  /** Requests sent so far that may have started something. */
  readonly posts?: number;
  /** Of these, how many were answered with a refusal for now. */
  readonly refused?: number;
  /** The last try that ended in order: only such a one surely has its requests on record. */
  readonly endedTry?: number;
  /** When a quota refused first, in epoch milliseconds. */
  readonly quotaSince?: number;
  readonly trouble?: Trouble | undefined;
}

/** One try of one activity: the connector's surroundings and what the wrapper itself needs. */
export interface ActivityCall {
  readonly context: CallContext;
  readonly startedAt: number;
  /** Number of this try, from 1. */
  readonly attempt: number;
  saved(): SavedState;
  save(state: Partial<SavedState>): void;
}

/** What is on record of the requests that may have started something. */
export interface PostRecord {
  /** Undefined where none is on record, and a lost try may have sent some. */
  readonly posts: number | undefined;
  /** Was no try lost before this one? What a lost one sent in its last moments may be on no record. */
  readonly isWhole: boolean;
}

/** Notes that a try which failed did so in order, and says which requests have gone out by then. */
export function countPosts(call: ActivityCall): PostRecord {
  const { posts = 0, endedTry = 0 } = call.saved();
  const isWhole = endedTry === call.attempt - 1;
  if (isWhole) call.save({ endedTry: call.attempt });
  return { posts: isWhole || posts > 0 ? posts : undefined, isWhole };
}

/** Short tries never heartbeat and so cost nothing; a longer one is seen lost within the heartbeat time-out. */
const FIRST_HEARTBEAT_MS = 3_000;
const HEARTBEAT_MS = 3_000;

export interface CallOptions {
  readonly secrets: SecretPort;
  /** How long a call may go on after its cancellation, to learn what it has started. */
  readonly graceMs?: number;
  /** Credentials that came with the task. */
  readonly connection?: Connection | undefined;
  /** What the connector is told of the task itself. */
  readonly about?: Pick<CallContext, 'failurePolicy' | 'quotaWaits'>;
  readonly taskExecution?: TaskExecutionMetadata | undefined;
}

/** Runs one call of a connector with heartbeats, a clock and a signal; all of them end with it. */
export async function withActivityCall<T>(
  options: CallOptions,
  run: (call: ActivityCall) => Promise<T>,
): Promise<T> {
  const activity = Context.current();
  let saved: SavedState = parseSavedState(activity.info.heartbeatDetails);
  const beat = (): void => {
    activity.heartbeat(saved);
  };
  const save = (state: Partial<SavedState>): void => {
    saved = { ...saved, ...state };
    beat();
  };
  const timers = startHeartbeats(beat);
  const abort = abortAfterGrace(activity.cancellationSignal, options.graceMs ?? 0);
  const now = serverClock(activity);
  const context: CallContext = {
    signal: abort.signal,
    logger: toLogger(activity, options.secrets),
    now,
    resolveSecret: (reference) => options.secrets.resolve(reference, options.taskExecution),
    ...(options.taskExecution === undefined ? {} : { taskExecution: options.taskExecution }),
    connectionSecret: (name) => openConnectionSecret(activity, options, name),
    redact: (text) => options.secrets.redact(text),
    announceSubmit: (state) => {
      save({ posts: (saved.posts ?? 0) + 1, ...(state === undefined ? {} : { connector: state }) });
    },
    saveState: (state) => {
      save({ connector: state });
    },
    previousState: saved.connector,
    ...options.about,
  };
  try {
    return await run({ context, startedAt: now(), attempt: activity.info.attempt, saved: () => saved, save });
  } catch (error) {
    if (abort.signal.aborted) await activity.cancelled;
    throw error;
  } finally {
    timers.stop();
    abort.stop();
  }
}

/**
 * For the task that asks, whatever its connection says of itself: one copied from another task does not open. Logs and
 * metrics are asked for outside of any task; there only the connection can say.
 */
async function openConnectionSecret(
  { info }: Context,
  { connection, secrets }: CallOptions,
  name: string,
): Promise<string | undefined> {
  const reference = connection?.secrets[name];
  if (connection === undefined || reference === undefined) return undefined;
  return secrets.open(reference, info.workflowExecution?.workflowId ?? connection.sealedFor);
}

/**
 * The server's clock as well as a worker can tell. A try cannot begin before it was scheduled, so a clock behind that
 * moment is put forward to it. One that is later tells nothing: the try may have waited in its queue, for hours after an
 * outage of all workers, and ages and outages would seem to have begun earlier by as much. So the estimate is never
 * further off than the worker's own clock.
 */
function serverClock(activity: Context): () => number {
  const offsetMs = Math.max(0, activity.info.currentAttemptScheduledTimestampMs - Date.now());
  return () => Date.now() + offsetMs;
}

function startHeartbeats(beat: () => void): { stop(): void } {
  let timer = setTimeout(tick, FIRST_HEARTBEAT_MS);
  function tick(): void {
    beat();
    timer = setTimeout(tick, HEARTBEAT_MS);
  }
  return {
    stop: () => {
      clearTimeout(timer);
    },
  };
}

function abortAfterGrace(
  canceled: AbortSignal,
  graceMs: number,
): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    if (graceMs === 0) controller.abort(canceled.reason);
    else {
      timer = setTimeout(() => {
        controller.abort(canceled.reason);
      }, graceMs);
    }
  };
  if (canceled.aborted) begin();
  else canceled.addEventListener('abort', begin, { once: true });
  return {
    signal: controller.signal,
    stop: () => {
      clearTimeout(timer);
      canceled.removeEventListener('abort', begin);
    },
  };
}

function parseSavedState(value: unknown): SavedState {
  return isJsonObject(value) ? value : {};
}

/** What a connector logs may quote the other side, and that may quote a secret. */
function toLogger(activity: Context, secrets: SecretPort): Logger {
  const log = (level: 'debug' | 'info' | 'warn', message: string, fields: JsonObject = {}): void => {
    activity.log[level](secrets.redact(message), { ...secrets.redact(fields) });
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
  };
}
