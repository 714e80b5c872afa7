import { types } from 'node:util';

import { setTimeout as sleep } from 'node:timers/promises';
import { errors as undiciErrors, Pool } from 'undici';
import { isJsonObject, LonghaulError, type CallContext, type JsonObject } from '../../connector';
import { createTokenSource, type TokenSource } from './databricks-auth';
import {
  isExpiredCredential,
  isUnknownEndpoint,
  redact,
  toLonghaulError,
  type Operation,
} from './databricks-errors';
import { parseLosslessJson, shorten, stringifyLosslessJson } from './databricks-json';
import { redactAnswer } from './databricks-redact';
import { DEFAULT_REQUEST_TIMEOUT_MS, type Workspace } from './databricks-workspace';

/** The part of a {@link CallContext} that a request needs. */
export type RequestContext = Pick<CallContext, 'signal' | 'now'> & Partial<Pick<CallContext, 'redact'>>;

export interface ApiRequest {
  readonly operation: Exclude<Operation, 'token'>;
  /** Below the versioned API root, such as `runs/get`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** A POST when given, else a GET. Secret references are resolved already. */
  readonly body?: JsonObject;
  /** Values inside the body that must not come back in an error. */
  readonly secrets?: readonly string[];
  /** Called right before the request first goes out. */
  readonly announce?: () => void;
}

/** HTTP to one workspace; its credentials go nowhere else and no redirect is followed. */
export interface DatabricksClient {
  readonly workspace: Workspace;
  /**
   * One call of the Jobs API. GETs are tried up to three times on resets, 429 and 503, because a paged read must not
   * start over; POSTs once, because the activity repeats them with the same token.
   * @throws LonghaulError by the table of databricks-errors, or the signal's reason when it is aborted.
   */
  send(request: ApiRequest, context: RequestContext): Promise<JsonObject>;
  close(): Promise<void>;
}

export interface ClientOptions {
  /** Longhaul's own version, for the user agent. */
  readonly version: string;
  readonly monotonicNow?: () => number;
}

/** Flyte's API root, which we fall back to where 2.2 is not known. */
export const DATABRICKS_API_ENDPOINT = '/api/2.1/jobs';
/** The version that can read more than 100 tasks and queues runs by default. */
const JOBS_API_2_2 = '/api/2.2/jobs';

/** Open sockets per workspace: enough for hundreds of short polls a second, polite to the other side. */
const CONNECTIONS = 32;
const GET_TRIES = 3;
/** A longer wish is passed on to the workflow, which waits without holding a worker's slot. */
const LONGEST_INNER_PAUSE_MS = 5_000;
const INNER_PAUSE_MS = 300;
/** A host that hangs until the time-out is not asked again within one call. */
const INNER_BUDGET_MS = 15_000;
/** Ten minutes of 2.1 after "no such endpoint", then 2.2 is tried again: a gateway may have been wrong. */
const FALLBACK_MS = 10 * 60_000;
/** Task output ends at 5 MB by contract; JSON escapes may double it. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;

interface RawRequest {
  readonly operation: Operation;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly secrets: readonly string[];
}

interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Creates the client of one workspace: kept-alive connections, one token for all callers. */
export function createDatabricksClient(workspace: Workspace, options: ClientOptions): DatabricksClient {
  const { monotonicNow = () => performance.now() } = options;
  const pools = { GET: openPool(workspace), POST: openPool(workspace) };
  const transport = createTransport(pools, workspace);
  const requestToken = (credentials: { clientId: string; clientSecret: string }): Promise<JsonObject> =>
    fetchToken(transport, credentials, userAgent(options.version, workspace.auth.kind));
  const tokens = createTokenSource(workspace.auth, requestToken, monotonicNow);
  let fallbackUntil = Number.NEGATIVE_INFINITY;

  const exchange = async (root: string, request: ApiRequest, context: RequestContext): Promise<RawAnswer> =>
    withFreshToken(tokens, context.signal, (token) => {
      request.announce?.();
      return transport.exchange(
        toRawRequest(root, request, headersFor(options.version, tokens.kind, token)),
        context,
      );
    });
  const attempt = async (request: ApiRequest, context: RequestContext): Promise<JsonObject> => {
    const accept = (answer: RawAnswer): JsonObject =>
      transport.accept(request.operation, answer, {
        secrets: [...tokens.secrets(), ...(request.secrets ?? [])],
        now: context.now(),
        redact: context.redact ?? ((text) => text),
      });
    const isFallback = monotonicNow() < fallbackUntil;
    const first = await exchange(isFallback ? DATABRICKS_API_ENDPOINT : JOBS_API_2_2, request, context);
    if (isFallback || !isUnknownEndpoint(first.status, first.body)) return accept(first);
    const second = await exchange(DATABRICKS_API_ENDPOINT, request, context);
    if (!isUnknownEndpoint(second.status, second.body)) fallbackUntil = monotonicNow() + FALLBACK_MS;
    return accept(second);
  };
  return {
    workspace,
    send: (request, context) =>
      request.body === undefined
        ? withInnerRetries(() => attempt(request, context), context.signal)
        : attempt({ ...request, announce: once(request.announce) }, context),
    close: async () => {
      await Promise.all([pools.GET.close(), pools.POST.close()]);
    },
  };
}

/** A request sent again after a refusal (an expired token, an unknown endpoint) follows one that started nothing. */
function once(announce: (() => void) | undefined): () => void {
  let isDone = false;
  return () => {
    if (!isDone) announce?.();
    isDone = true;
  };
}

function toRawRequest(root: string, request: ApiRequest, headers: RawRequest['headers']): RawRequest {
  const query = request.query === undefined ? '' : `?${new URLSearchParams(request.query).toString()}`;
  return {
    operation: request.operation,
    method: request.body === undefined ? 'GET' : 'POST',
    path: `${root}/${request.path}${query}`,
    headers,
    secrets: request.secrets ?? [],
    ...(request.body === undefined ? {} : { body: stringifyLosslessJson(request.body) }),
  };
}

function headersFor(version: string, kind: string, token: string): Record<string, string> {
  return { ...getHeader(token), accept: 'application/json', 'user-agent': userAgent(version, kind) };
}

/** The headers of an authenticated JSON request; Flyte's `get_header`. */
export function getHeader(authToken: string): Record<string, string> {
  return { Authorization: `Bearer ${authToken}`, 'content-type': 'application/json' };
}

/** Databricks' own form: product first, then what it runs on, then how it proves who asks. */
function userAgent(version: string, authKind: string): string {
  return `longhaul/${version} node/${process.versions.node} os/${process.platform} auth/${authKind}`;
}

/** Sends with the current token and, when the server calls it expired, once more with a new one. */
async function withFreshToken(
  tokens: TokenSource,
  signal: AbortSignal,
  send: (token: string) => Promise<RawAnswer>,
): Promise<RawAnswer> {
  const token = await abortable(() => tokens.token(), signal);
  const answer = await send(token);
  if (!isExpiredCredential(answer.status, answer.body) || !tokens.reject(token)) return answer;
  return send(await abortable(() => tokens.token(), signal));
}

/** A caller that is canceled leaves at once; what it waited for goes on for the others. */
async function abortable<T>(start: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    // The reason is rethrown untouched: it says whether this is cancellation, time-out or shutdown.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the abort reason goes on untouched
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([start(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function withInnerRetries<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const giveUpAt = performance.now() + INNER_BUDGET_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      signal.throwIfAborted();
      const pauseMs =
        thrown instanceof LonghaulError && thrown.retryable ? pauseFor(thrown, tries) : undefined;
      if (pauseMs === undefined || tries >= GET_TRIES || performance.now() > giveUpAt) throw thrown;
      await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** Undefined when the wish is longer than we may hold a worker's slot. */
function pauseFor(error: LonghaulError, tries: number): number | undefined {
  const wished = error.retryAfterMs ?? INNER_PAUSE_MS * tries;
  return wished <= LONGEST_INNER_PAUSE_MS ? wished : undefined;
}

interface AboutAnswer {
  readonly secrets: readonly string[];
  readonly now: number;
  /** Done before anything is cut. */
  readonly redact: (text: string) => string;
}

interface Transport {
  exchange(request: RawRequest, context: Pick<RequestContext, 'signal'>): Promise<RawAnswer>;
  /** The JSON object of a 2xx answer. @throws LonghaulError for anything else. */
  accept(operation: Operation, answer: RawAnswer, about: AboutAnswer): JsonObject;
}

/** Submits and cancels have sockets of their own: they must not wait behind the reads of a workspace that hangs. */
type Pools = Readonly<Record<RawRequest['method'], Pool>>;

function openPool({ host }: Workspace): Pool {
  return new Pool(host, { connections: CONNECTIONS, maxResponseSize: LARGEST_ANSWER_BYTES });
}

function createTransport(pools: Pools, workspace: Workspace): Transport {
  const timeoutMs = workspace.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const host = new URL(workspace.host).host;
  return {
    exchange: async (request, { signal }) => {
      signal.throwIfAborted();
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const { method, path, headers, body = null } = request;
        const bounded = AbortSignal.any([signal, timeout]);
        const answer = await pools[method].request({ method, path, headers, body, signal: bounded });
        return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() };
      } catch (thrown) {
        signal.throwIfAborted();
        throw toTransportError(thrown, {
          host,
          timeoutMs,
          timedOut: timeout.aborted,
          secrets: request.secrets,
        });
      }
    },
    accept: (operation, answer, { secrets, now, redact: redactText }) => {
      if (answer.status < 200 || answer.status >= 300) {
        throw toLonghaulError({ ...answer, body: redactText(answer.body), operation, host, secrets, now });
      }
      return redactAnswer(parseAnswer(answer.body, host), redactText);
    },
  };
}

function parseAnswer(body: string, host: string): JsonObject {
  try {
    const value = parseLosslessJson(body === '' ? '{}' : body);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below: the text itself may be a log-in page and helps nobody.
  }
  throw new LonghaulError('UNAVAILABLE', `Databricks (${host}) did not answer with a JSON object.`);
}

function toTransportError(
  thrown: unknown,
  about: { host: string; timeoutMs: number; timedOut: boolean; secrets: readonly string[] },
): LonghaulError {
  if (thrown instanceof undiciErrors.ResponseExceededMaxSizeError) {
    return new LonghaulError('UNSUPPORTED', `Databricks (${about.host}) answered with more than 64 MiB.`);
  }
  const words = about.timedOut ? `no answer within ${about.timeoutMs} ms` : wordsOf(thrown);
  const message = `Databricks (${about.host}) cannot be reached: ${redact(words, about.secrets)}`;
  return new LonghaulError('UNAVAILABLE', shorten(message, 1_000), { cause: thrown });
}

function wordsOf(thrown: unknown): string {
  if (!types.isNativeError(thrown)) return 'unknown trouble';
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const words = thrown.message === '' ? thrown.name : thrown.message;
  return code === undefined || words.includes(code) ? words : `${words} (${code})`;
}

/** OAuth client credentials at the workspace's own endpoint; as the SDKs do, with HTTP Basic. */
async function fetchToken(
  transport: Transport,
  credentials: { clientId: string; clientSecret: string },
  agent: string,
): Promise<JsonObject> {
  const basic = Buffer.from(`${credentials.clientId}:${credentials.clientSecret}`).toString('base64');
  const secrets = [credentials.clientSecret, basic];
  const request: RawRequest = {
    operation: 'token',
    method: 'POST',
    path: '/oidc/v1/token',
    headers: {
      authorization: `Basic ${basic}`,
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': agent,
    },
    body: 'grant_type=client_credentials&scope=all-apis',
    secrets,
  };
  // No caller's signal: the token is for all of them. The request time-out bounds it.
  const answer = await transport.exchange(request, { signal: new AbortController().signal });
  return transport.accept('token', answer, { secrets, now: Date.now(), redact: (text) => text });
}
