import { types } from 'node:util';

import { errors as undiciErrors, Pool } from 'undici';
import { isJsonObject, LonghaulError, shorten, type JsonObject } from '../../connector';
import { shareOf, toBudget } from './databricks-budget';
import { readSlowDown, redact, toLonghaulError, type Operation } from './databricks-errors';
import { createGate, type Lane } from './databricks-gate';
import { parseLosslessJson } from './databricks-json';
import { createLookLoad, type LookLoad } from './databricks-looks';
import { redactAnswer } from './databricks-redact';
import type { WorkspaceLimits } from './databricks-workspace';

export interface RawRequest {
  readonly operation: Operation;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly secrets: readonly string[];
  /** Its place in the request budget; by default that of its operation. */
  readonly lane?: Lane;
  /** Called when the budget lets the request go, right before it does. */
  readonly announce?: (() => void) | undefined;
  /** The answer's body is bytes: each becomes one character (latin1). */
  readonly isBinary?: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface AboutAnswer {
  readonly secrets: readonly string[];
  readonly now: number;
  /** Done before anything is cut. */
  readonly redact: (text: string) => string;
  readonly isTaskToken?: boolean;
}

/** The sockets to one host, its request budget and what was learnt of it: shared by everybody who asks it, whatever their credentials. */
export interface HostConnection {
  /** Until then, on the monotonic clock, the host is taken for one that knows Jobs API 2.1 only. */
  fallbackUntil: number;
  /** How often all open runs together may be looked at. */
  readonly looks: LookLoad;
  /**
   * One request, one answer of any status, when the budget has room for it. @throws RATE_LIMITED, held back, when it has
   * none for long; UNAVAILABLE; or the signal's reason when it is aborted.
   */
  exchange(request: RawRequest, limits: { signal: AbortSignal; timeoutMs: number }): Promise<RawAnswer>;
  /** The JSON object of a 2xx answer. @throws LonghaulError for anything else. */
  accept(operation: Operation, answer: RawAnswer, about: AboutAnswer): JsonObject;
  close(): Promise<void>;
}

/** Open sockets per host: enough for hundreds of short polls a second, polite to the other side. */
const CONNECTIONS = 32;
/** Task output ends at 5 MB by contract; JSON escapes may double it. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;

export interface HostOptions {
  /** What errors call it. */
  readonly who?: string | undefined;
  /** Default {@link toBudget}. */
  readonly limits?: WorkspaceLimits | undefined;
  /** Processes that share the budget, this one included; default 1. */
  readonly processes?: number | undefined;
}

/** Opens no socket before the first request, and keeps none for long after the last. */
export function openHost(origin: string, options: HostOptions = {}): HostConnection {
  // Submits and cancels have sockets of their own: they must not wait behind the reads of a workspace that hangs.
  const pools = { GET: openPool(origin), POST: openPool(origin) };
  const { host } = new URL(origin);
  const { who } = options;
  const budget = toBudget(options.limits);
  const gate = createGate({ host, budget: shareOf(budget, options.processes ?? 1) });
  return {
    fallbackUntil: Number.NEGATIVE_INFINITY,
    looks: createLookLoad(budget.requestsPerSecond),
    exchange: async (request, { signal, timeoutMs }) => {
      const lane = request.lane ?? LANE_OF[request.operation];
      const sentAt = await gate.pass(lane, signal);
      request.announce?.();
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const { method, path, headers, body = null } = request;
        const bounded = AbortSignal.any([signal, timeout]);
        const answer = await pools[method].request({ method, path, headers, body, signal: bounded });
        const text = request.isBinary === true ? await readBytes(answer.body) : await answer.body.text();
        const whole = { status: answer.statusCode, headers: answer.headers, body: text };
        gate.answered(lane, sentAt, readSlowDown(request.operation, whole));
        return whole;
      } catch (thrown) {
        signal.throwIfAborted();
        const { secrets } = request;
        throw toTransportError(thrown, { host, who, timeoutMs, timedOut: timeout.aborted, secrets });
      }
    },
    accept: (operation, answer, about) => {
      if (answer.status < 200 || answer.status >= 300) {
        throw toLonghaulError({ ...answer, ...about, body: about.redact(answer.body), operation, host, who });
      }
      return redactAnswer(parseAnswer(answer.body, who ?? `Databricks (${host})`), about.redact);
    },
    close: async () => {
      await Promise.all([pools.GET.close(), pools.POST.close()]);
    },
  };
}

const LANE_OF: Readonly<Record<Operation, Lane>> = {
  submit: 'start',
  'run-now': 'start',
  repair: 'start',
  cancel: 'urgent',
  token: 'urgent',
  read: 'look',
  list: 'rest',
};
async function readBytes(body: { arrayBuffer(): Promise<ArrayBuffer> }): Promise<string> {
  return Buffer.from(await body.arrayBuffer()).toString('latin1');
}

function openPool(origin: string): Pool {
  return new Pool(origin, { connections: CONNECTIONS, maxResponseSize: LARGEST_ANSWER_BYTES });
}

function parseAnswer(body: string, who: string): JsonObject {
  try {
    const value = parseLosslessJson(body === '' ? '{}' : body);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below: the text itself may be a log-in page and helps nobody.
  }
  throw new LonghaulError('UNAVAILABLE', `${who} did not answer with a JSON object.`);
}

function toTransportError(
  thrown: unknown,
  about: {
    host: string;
    who: string | undefined;
    timeoutMs: number;
    timedOut: boolean;
    secrets: readonly string[];
  },
): LonghaulError {
  if (thrown instanceof undiciErrors.ResponseExceededMaxSizeError) {
    return new LonghaulError('UNSUPPORTED', `Databricks (${about.host}) answered with more than 64 MiB.`);
  }
  const words = about.timedOut ? `no answer within ${about.timeoutMs} ms` : wordsOf(thrown);
  const message = `${about.who ?? `Databricks (${about.host})`} cannot be reached: ${redact(words, about.secrets)}`;
  return new LonghaulError('UNAVAILABLE', shorten(message, 1_000), { cause: thrown });
}

function wordsOf(thrown: unknown): string {
  if (!types.isNativeError(thrown)) return 'unknown trouble';
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const words = thrown.message === '' ? thrown.name : thrown.message;
  return code === undefined || words.includes(code) ? words : `${words} (${code})`;
}
