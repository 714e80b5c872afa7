import { setTimeout as sleep } from 'node:timers/promises';
import { LonghaulError, type CallContext, type JsonObject } from '../../connector';
import { createTokenSource, type TokenSource } from './databricks-auth';
import {
  isExpiredCredential,
  isUnknownEndpoint,
  needsNewerApi,
  redact,
  type Operation,
} from './databricks-errors';
import type { Lane } from './databricks-gate';
import { stringifyLosslessJson } from './databricks-json';
import type { LookLoad } from './databricks-looks';
import {
  openHost,
  type AboutAnswer,
  type HostConnection,
  type RawAnswer,
  type RawRequest,
} from './databricks-transport';
import { DEFAULT_REQUEST_TIMEOUT_MS, type Workspace } from './databricks-workspace';

/** The part of a {@link CallContext} that a request needs. */
export type RequestContext = Pick<CallContext, 'signal' | 'now'> &
  Partial<Pick<CallContext, 'redact' | 'logger'>> & {
    /** The place in the request budget; by default that of the operation. */
    readonly lane?: Lane;
  };

export interface ApiRequest {
  readonly operation: Exclude<Operation, 'token'>;
  /** Below the API root, such as `runs/get`. */
  readonly path: string;
  /** Of another API than Jobs, such as `/api/2.0`. */
  readonly root?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** A POST when given, else a GET. Secret references are resolved already. */
  readonly body?: JsonObject;
  /** Values inside the body that must not come back in an error. */
  readonly secrets?: readonly string[];
  /** Called right before the request first goes out, once the budget lets it. */
  readonly announce?: () => void;
}

/** A GET for bytes. */
export interface FetchRequest {
  /** With its root, such as `/api/2.0/fs/files/…`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FetchedBytes {
  readonly bytes: Buffer;
  /** Takes our secrets out of text that is made of the bytes. */
  readonly redact: (text: string) => string;
}

/** HTTP to one workspace; its credentials go nowhere else and no redirect is followed. */
export interface DatabricksClient {
  readonly workspace: Workspace;
  /** The version that the host was last found to know. */
  readonly apiVersion: '2.2' | '2.1';
  /** How often all open runs of the host together may be looked at. */
  readonly looks: LookLoad;
  /**
   * One call of the Jobs API. GETs are tried up to three times on resets, 429 and 503, because a paged read must not
   * start over; POSTs once, because the activity repeats them with the same token.
   * @throws LonghaulError by the table of databricks-errors, or the signal's reason when it is aborted.
   */
  send(request: ApiRequest, context: RequestContext): Promise<JsonObject>;
  /** The body of any 2xx answer, tried as often as a GET of {@link send}. @throws as send. */
  fetch(request: FetchRequest, context: RequestContext): Promise<FetchedBytes>;
  close(): Promise<void>;
}

export interface ClientOptions {
  /** Longhaul's own version, for the user agent. */
  readonly version: string;
  readonly monotonicNow?: () => number;
  /** Processes that share the workspace's request budget; default 1. Not used beside `connection`. */
  readonly processes?: number | undefined;
  /** Shared with other clients of the same host, and theirs to close; by default one of its own. */
  readonly connection?: HostConnection;
  /** The token came with a task: whoever has to renew it is told so. */
  readonly isTaskToken?: boolean;
}

/** Flyte's API root, which we fall back to where 2.2 is not known. */
export const DATABRICKS_API_ENDPOINT = '/api/2.1/jobs';
/** The version that can read more than 100 tasks and queues runs by default. */
const JOBS_API_2_2 = '/api/2.2/jobs';

const GET_TRIES = 3;
/** A longer wish is passed on to the workflow, which waits without holding a worker's slot. */
const LONGEST_INNER_PAUSE_MS = 5_000;
const INNER_PAUSE_MS = 300;
/** A host that hangs until the time-out is not asked again within one call. */
const INNER_BUDGET_MS = 15_000;
const KNOWS_2_1_ONLY = 'This workspace knows Jobs API 2.1 only; 2.2 is tried again in ten minutes.';
/** Ten minutes of 2.1 after "no such endpoint", then 2.2 is tried again: a gateway may have been wrong. */
const FALLBACK_MS = 10 * 60_000;

/** Creates the client of one workspace: kept-alive connections, one token for all callers. */
export function createDatabricksClient(workspace: Workspace, options: ClientOptions): DatabricksClient {
  const { monotonicNow = () => performance.now(), isTaskToken = false } = options;
  const connection =
    options.connection ??
    openHost(workspace.host, { limits: workspace.limits, processes: options.processes });
  const timeoutMs = workspace.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const requestToken = (credentials: { clientId: string; clientSecret: string }): Promise<JsonObject> =>
    fetchToken({ connection, timeoutMs }, credentials, userAgent(options.version, workspace.auth.kind));
  const tokens = createTokenSource(workspace.auth, requestToken, monotonicNow);

  const exchange = async (root: string, request: ApiRequest, context: RequestContext): Promise<RawAnswer> =>
    withFreshToken(tokens, context.signal, (token) => {
      const raw = toRawRequest(root, request, headersFor(options.version, tokens.kind, token));
      const lane = context.lane === undefined ? {} : { lane: context.lane };
      return connection.exchange({ ...raw, ...lane }, { signal: context.signal, timeoutMs });
    });
  const isFallenBack = (): boolean => monotonicNow() < connection.fallbackUntil;
  const attempt = async (request: ApiRequest, context: RequestContext): Promise<JsonObject> => {
    const accept = (answer: RawAnswer): JsonObject =>
      connection.accept(request.operation, answer, {
        ...aboutAnswer(tokens, request, context),
        isTaskToken,
      });
    if (request.root !== undefined) return accept(await exchange(request.root, request, context));
    const isFallback = isFallenBack();
    const first = await exchange(isFallback ? DATABRICKS_API_ENDPOINT : JOBS_API_2_2, request, context);
    if (isFallback && needsNewerApi(first.status, first.body)) {
      const newer = await exchange(JOBS_API_2_2, request, context);
      if (isUnknownEndpoint(newer.status, newer.body)) return accept(first);
      connection.fallbackUntil = Number.NEGATIVE_INFINITY;
      return accept(newer);
    }
    if (isFallback || !isUnknownEndpoint(first.status, first.body)) return accept(first);
    const second = await exchange(DATABRICKS_API_ENDPOINT, request, context);
    if (!isUnknownEndpoint(second.status, second.body)) {
      connection.fallbackUntil = monotonicNow() + FALLBACK_MS;
      context.logger?.info(KNOWS_2_1_ONLY, { host: workspace.host });
    }
    return accept(second);
  };
  const fetchOnce = async (request: FetchRequest, context: RequestContext): Promise<FetchedBytes> => {
    const answer = await withFreshToken(tokens, context.signal, (token) => {
      const headers = {
        ...headersFor(options.version, tokens.kind, token),
        ...request.headers,
        accept: '*/*',
      };
      const { path } = request;
      const about = { operation: 'read', method: 'GET', lane: 'rest', isBinary: true } as const;
      const raw = { ...about, path, headers, secrets: [] };
      return connection.exchange(raw, { signal: context.signal, timeoutMs });
    });
    const about = aboutAnswer(tokens, {}, context);
    if (answer.status < 200 || answer.status >= 300) connection.accept('read', answer, about);
    return { bytes: Buffer.from(answer.body, 'latin1'), redact: about.redact };
  };
  return {
    workspace,
    fetch: (request, context) => withInnerRetries(() => fetchOnce(request, context), context.signal),
    looks: connection.looks,
    get apiVersion() {
      return isFallenBack() ? '2.1' : '2.2';
    },
    send: (request, context) =>
      request.body === undefined
        ? withInnerRetries(() => attempt(request, context), context.signal)
        : attempt({ ...request, announce: once(request.announce) }, context),
    close: async () => {
      if (options.connection === undefined) await connection.close();
    },
  };
}

/** Our own credentials are taken out here: an issued token, or a task's, is known nowhere else in this form. */
function aboutAnswer(
  tokens: TokenSource,
  request: Pick<ApiRequest, 'secrets'>,
  context: RequestContext,
): Pick<AboutAnswer, 'secrets' | 'now' | 'redact'> {
  const own = tokens.secrets();
  return {
    secrets: [...own, ...(request.secrets ?? [])],
    now: context.now(),
    redact: (text) => redact(context.redact?.(text) ?? text, own),
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
    announce: request.announce,
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
        thrown instanceof LonghaulError && isWorthATry(thrown) ? pauseFor(thrown, tries) : undefined;
      if (pauseMs === undefined || tries >= GET_TRIES || performance.now() > giveUpAt) throw thrown;
      await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** What our own budget holds back has waited already as long as a call may. */
function isWorthATry({ retryable, isHeldBack }: LonghaulError): boolean {
  return retryable && !isHeldBack;
}

/** Undefined when the wish is longer than we may hold a worker's slot. */
function pauseFor(error: LonghaulError, tries: number): number | undefined {
  const wished = error.retryAfterMs ?? INNER_PAUSE_MS * tries;
  return wished <= LONGEST_INNER_PAUSE_MS ? wished : undefined;
}

/** OAuth client credentials at the workspace's own endpoint; as the SDKs do, with HTTP Basic. */
async function fetchToken(
  { connection, timeoutMs }: { connection: HostConnection; timeoutMs: number },
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
  const answer = await connection.exchange(request, { signal: new AbortController().signal, timeoutMs });
  return connection.accept('token', answer, { secrets, now: Date.now(), redact: (text) => text });
}
