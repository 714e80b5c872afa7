import type { CallContext, JsonObject } from '../../connector';
import { createTokenSource, type TokenSource } from './databricks-auth';
import { createWorkspaceEndpoint } from './databricks-auth-endpoint';
import { createIssuer } from './databricks-auth-issuers';
import {
  isExpiredCredential,
  isUnknownEndpoint,
  needsNewerApi,
  redact,
  type Operation,
} from './databricks-errors';
import type { Lane } from './databricks-gate';
import { NO_IDENTITY, type IdentityPorts } from './databricks-identity';
import { stringifyLosslessJson } from './databricks-json';
import type { LookLoad } from './databricks-looks';
import { abortable, withInnerRetries } from './databricks-retries';
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
  /** How long the present token holds; undefined before the first one and for what does not end. */
  tokenRemainingMs(): number | undefined;
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
  /** What the kinds of authentication need of the process; without it plain values only. */
  readonly identity?: IdentityPorts;
  /** The token came with a task: whoever has to renew it is told so. */
  readonly isTaskToken?: boolean;
}

/** Flyte's API root, which we fall back to where 2.2 is not known. */
export const DATABRICKS_API_ENDPOINT = '/api/2.1/jobs';
/** The version that can read more than 100 tasks and queues runs by default. */
const JOBS_API_2_2 = '/api/2.2/jobs';

const KNOWS_2_1_ONLY = 'This workspace knows Jobs API 2.1 only; 2.2 is tried again in ten minutes.';
/** Ten minutes of 2.1 after "no such endpoint", then 2.2 is tried again: a gateway may have been wrong. */
const FALLBACK_MS = 10 * 60_000;

/** Creates the client of one workspace: kept-alive connections, one token for all callers. */
export function createDatabricksClient(workspace: Workspace, options: ClientOptions): DatabricksClient {
  const { monotonicNow = () => performance.now(), version, isTaskToken = false, processes } = options;
  const connection = options.connection ?? openHost(workspace.host, { limits: workspace.limits, processes });
  const timeoutMs = workspace.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const tokens = createTokens(workspace, options, { connection, timeoutMs, monotonicNow });
  const line: Line = { workspace, connection, tokens, timeoutMs, monotonicNow, version, isTaskToken };
  return {
    workspace,
    looks: connection.looks,
    get apiVersion() {
      return isFallenBack(line) ? '2.1' : '2.2';
    },
    send: (request, context) =>
      request.body === undefined
        ? withInnerRetries(() => call(line, request, context), context.signal)
        : call(line, { ...request, announce: once(request.announce) }, context),
    fetch: (request, context) => withInnerRetries(() => fetchBytes(line, request, context), context.signal),
    tokenRemainingMs: () => tokens.remainingMs(),
    close: async () => {
      if (options.connection === undefined) await connection.close();
    },
  };
}

/** The way to one workspace: where it leads, and who walks it. */
interface Line extends TokenSurroundings, Required<Pick<ClientOptions, 'version' | 'isTaskToken'>> {
  readonly workspace: Workspace;
  readonly tokens: TokenSource;
}

function isFallenBack({ connection, monotonicNow }: Line): boolean {
  return monotonicNow() < connection.fallbackUntil;
}

/** One call of the API, in the latest version that the host knows. */
async function call(line: Line, request: ApiRequest, context: RequestContext): Promise<JsonObject> {
  const { connection, tokens, isTaskToken } = line;
  const answer = await askLatest(line, request, context);
  const about = { ...aboutAnswer(tokens, request, context), isTaskToken };
  return connection.accept(request.operation, answer, about);
}

async function askLatest(line: Line, request: ApiRequest, context: RequestContext): Promise<RawAnswer> {
  const ask = (root: string): Promise<RawAnswer> => exchange(line, { ...request, root }, context);
  if (request.root !== undefined) return ask(request.root);
  const { connection, monotonicNow, workspace } = line;
  if (isFallenBack(line)) {
    const older = await ask(DATABRICKS_API_ENDPOINT);
    if (!needsNewerApi(older.status, older.body)) return older;
    const newer = await ask(JOBS_API_2_2);
    if (isUnknownEndpoint(newer.status, newer.body)) return older;
    connection.fallbackUntil = Number.NEGATIVE_INFINITY;
    return newer;
  }
  const first = await ask(JOBS_API_2_2);
  if (!isUnknownEndpoint(first.status, first.body)) return first;
  const second = await ask(DATABRICKS_API_ENDPOINT);
  if (!isUnknownEndpoint(second.status, second.body)) {
    connection.fallbackUntil = monotonicNow() + FALLBACK_MS;
    context.logger?.info(KNOWS_2_1_ONLY, { host: workspace.host });
  }
  return second;
}

function exchange(
  line: Line,
  request: ApiRequest & { readonly root: string },
  context: RequestContext,
): Promise<RawAnswer> {
  const { connection, tokens, timeoutMs } = line;
  return withFreshToken(tokens, context.signal, (token) => {
    const raw = toRawRequest(request.root, request, headersFor(line, token));
    const lane = context.lane === undefined ? {} : { lane: context.lane };
    return connection.exchange({ ...raw, ...lane }, { signal: context.signal, timeoutMs });
  });
}

async function fetchBytes(line: Line, request: FetchRequest, context: RequestContext): Promise<FetchedBytes> {
  const { connection, tokens, timeoutMs } = line;
  const answer = await withFreshToken(tokens, context.signal, (token) => {
    const headers = { ...headersFor(line, token), ...request.headers, accept: '*/*' };
    const kind = { operation: 'read', method: 'GET', lane: 'rest', isBinary: true } as const;
    const raw = { ...kind, path: request.path, headers, secrets: [] };
    return connection.exchange(raw, { signal: context.signal, timeoutMs });
  });
  const about = aboutAnswer(tokens, {}, context);
  if (answer.status < 200 || answer.status >= 300) connection.accept('read', answer, about);
  return { bytes: Buffer.from(answer.body, 'latin1'), redact: about.redact };
}

interface TokenSurroundings {
  readonly connection: HostConnection;
  readonly timeoutMs: number;
  readonly monotonicNow: () => number;
}

function createTokens(
  workspace: Workspace,
  { version, identity = NO_IDENTITY }: ClientOptions,
  { connection, timeoutMs, monotonicNow }: TokenSurroundings,
): TokenSource {
  const { host, auth } = workspace;
  const asked = { timeoutMs, userAgent: userAgent(version, auth.kind) };
  const askWorkspace = createWorkspaceEndpoint(connection, host, asked);
  const issuer = createIssuer(workspace, { ...asked, host, connection, ports: identity, askWorkspace });
  return createTokenSource(issuer, monotonicNow);
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

function headersFor({ version, tokens }: Line, token: string): Record<string, string> {
  const agent = { accept: 'application/json', 'user-agent': userAgent(version, tokens.kind) };
  return { ...getHeader(token), ...agent, ...tokens.headers() };
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
