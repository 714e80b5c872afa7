import { types } from 'node:util';

import { errors as undiciErrors, Pool } from 'undici';
import { isJsonObject, LonghaulError, type JsonObject } from '../../connector';
import { redact, toLonghaulError, type Operation } from './databricks-errors';
import { parseLosslessJson, shorten } from './databricks-json';
import { redactAnswer } from './databricks-redact';

export interface RawRequest {
  readonly operation: Operation;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly secrets: readonly string[];
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

/** The sockets to one host and what was learnt of it: shared by everybody who asks it, whatever their credentials. */
export interface HostConnection {
  /** Until then, on the monotonic clock, the host is taken for one that knows Jobs API 2.1 only. */
  fallbackUntil: number;
  /** One request, one answer of any status. @throws UNAVAILABLE, or the signal's reason when it is aborted. */
  exchange(request: RawRequest, limits: { signal: AbortSignal; timeoutMs: number }): Promise<RawAnswer>;
  /** The JSON object of a 2xx answer. @throws LonghaulError for anything else. */
  accept(operation: Operation, answer: RawAnswer, about: AboutAnswer): JsonObject;
  close(): Promise<void>;
}

/** Open sockets per host: enough for hundreds of short polls a second, polite to the other side. */
const CONNECTIONS = 32;
/** Task output ends at 5 MB by contract; JSON escapes may double it. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;

/** Opens no socket before the first request, and keeps none for long after the last. `who` is how errors call it. */
export function openHost(origin: string, who?: string): HostConnection {
  // Submits and cancels have sockets of their own: they must not wait behind the reads of a workspace that hangs.
  const pools = { GET: openPool(origin), POST: openPool(origin) };
  const { host } = new URL(origin);
  return {
    fallbackUntil: Number.NEGATIVE_INFINITY,
    exchange: async (request, { signal, timeoutMs }) => {
      signal.throwIfAborted();
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const { method, path, headers, body = null } = request;
        const bounded = AbortSignal.any([signal, timeout]);
        const answer = await pools[method].request({ method, path, headers, body, signal: bounded });
        return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() };
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
