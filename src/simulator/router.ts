import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { handleAdmin, type AdminPort } from './admin';
import { ApiError, apiError, codeForStatus } from './api-error';
import { hostMetadata, oauthMetadata, type Auth } from './auth';
import type { Arrivals } from './arrivals';
import { CONSOLE_PAGE, readConsole } from './console-page';
import { countToken } from './counters';
import { advance } from './engine';
import type { EngineOptions } from './engine-options';
import type { FaultBook, FaultSpec } from './faults';
import { findFilesOperation } from './files-api';
import {
  readJsonObject,
  readParams,
  readRequest,
  send,
  sendBytes,
  sendError,
  sendJson,
  type HttpRequest,
} from './http';
import type { ApiVersion } from './model';
import { findOperation, type Operation } from './operations';
import type { RawState } from './outcomes';
import type { RateLimit } from './rate-limit';
import { forgetRun } from './run-changes';
import { readId, readText, type WireObject } from './wire-json';

export interface RouterOptions {
  readonly engine: EngineOptions;
  readonly auth: Auth;
  readonly faults: FaultBook;
  readonly admin: AdminPort;
  readonly rateLimit: RateLimit;
  readonly arrivals: Arrivals;
  readonly newestApi: ApiVersion;
  readonly save: () => Promise<void>;
  readonly rememberSubmit: (body: string) => void;
  /** Refuses connections for so many real milliseconds. */
  readonly refuseFor: (ms: number) => void;
}

interface Exchange {
  readonly request: HttpRequest;
  readonly response: ServerResponse;
  readonly options: RouterOptions;
}

interface Answer {
  readonly status: number;
  /** JSON, or a file's bytes. */
  readonly body: WireObject | Buffer;
}

const TOKEN_PATH = /^\/oidc\/(accounts\/[^/]+\/)?v1\/token$/;
const OAUTH_DISCOVERY =
  /^\/(oidc\/(accounts\/[^/]+\/)?)?\.well-known\/(oauth-authorization-server|openid-configuration)$/;

/**
 * Answers one HTTP request: the Jobs API under `/api/2.x/jobs`, OIDC discovery and tokens, and the simulator's own
 * admin endpoints under `/simulator/` (see `admin.ts`), which need no token and never meet a fault.
 */
export async function handleRequest(
  message: IncomingMessage,
  response: ServerResponse,
  options: RouterOptions,
): Promise<void> {
  try {
    const request = await readRequest(message);
    assertNoBrowser(request);
    if (request.method === 'GET' && request.path === '/') {
      send(response, 200, { 'content-type': 'text/html; charset=utf-8', body: CONSOLE_PAGE });
      return;
    }
    if (request.path === '/simulator/console') {
      advance(options.engine);
      sendJson(response, 200, readConsole(request, options.engine));
      return;
    }
    if (request.path.startsWith('/simulator/')) {
      sendJson(response, 200, handleAdmin(request, message.socket.remoteAddress, options.admin));
      return;
    }
    await handleWithFaults({ request, response, options });
  } catch (error) {
    sendError(response, toApiError(error));
  }
}

/** A web page must not be able to run programs here: none of our clients sends an Origin. */
function assertNoBrowser({ headers }: HttpRequest): void {
  if (headers.origin !== undefined) {
    throw apiError('PERMISSION_DENIED', 'Browsers may not call the simulator.');
  }
}

async function handleWithFaults(exchange: Exchange): Promise<void> {
  const { request, options } = exchange;
  options.arrivals.note();
  const operation = findOperation(request.method, request.path, options.newestApi);
  const files = findFilesOperation(request.method, request.path);
  const name = operation?.name ?? files?.name ?? (TOKEN_PATH.test(request.path) ? 'token' : 'other');
  count(name, exchange);
  const { latencyMs, fault } = options.faults.take(name);
  if (latencyMs > 0) await sleep(latencyMs);
  const execute = (raw?: RawState) => answerRequest(exchange, operation, raw);
  if (fault === undefined) reply(exchange, await execute());
  else await applyFault({ ...exchange, fault, execute });
}

function count(name: string, { request, options }: Exchange): void {
  const { counters } = options.engine.workspace;
  counters.requests[name] = (counters.requests[name] ?? 0) + 1;
  counters.lastUserAgent = request.headers['user-agent'] ?? '';
  if (name === 'get') counters.gets += 1;
  if (name === 'token') counters.tokenRequests += 1;
  if (name !== 'submit' && name !== 'run-now') return;
  counters.submits += 1;
  options.rememberSubmit(request.body);
  const token = tokenOf(request.body);
  if (token !== undefined) countToken(counters, token);
}

/** Counted before any fault strikes, so leniently: whether the body is any good is found out later. */
function tokenOf(body: string): string | undefined {
  try {
    return readText(readJsonObject(body), 'idempotency_token');
  } catch {
    return undefined;
  }
}

async function answerRequest(
  exchange: Exchange,
  operation: Operation | undefined,
  raw?: RawState,
): Promise<Answer> {
  const { request, options } = exchange;
  const { path, baseUrl, headers } = request;
  if (request.method === 'POST' && TOKEN_PATH.test(path)) {
    return options.auth.issueToken(headers.authorization, new URLSearchParams(request.body));
  }
  if (path === '/.well-known/databricks-config') return { status: 200, body: hostMetadata(baseUrl) };
  if (OAUTH_DISCOVERY.test(path)) return { status: 200, body: oauthMetadata(baseUrl) };
  const files = findFilesOperation(request.method, path);
  if (files !== undefined) {
    assertAllowed(files.name, exchange);
    advance(options.engine);
    const answer = files.answer(request, options.engine);
    return answer.kind === 'json'
      ? { status: 200, body: answer.body }
      : { status: answer.status, body: answer.bytes };
  }
  if (operation === undefined) {
    throw apiError('ENDPOINT_NOT_FOUND', `No API found for '${request.method} ${path}'`);
  }
  assertAllowed(operation.name, exchange);
  advance(options.engine);
  const params = { ...readParams(request), ...operation.pathParams };
  const body = operation.handle({ version: operation.version, params, baseUrl, raw }, options.engine);
  if (operation.changes) await options.save();
  return { status: 200, body };
}

function assertAllowed(operation: string, { request, options }: Exchange): void {
  const { counters } = options.engine.workspace;
  try {
    options.rateLimit(operation, Date.now());
  } catch (error) {
    counters.rateLimited += 1;
    throw error;
  }
  try {
    options.auth.assertBearer(request.headers.authorization);
  } catch (error) {
    counters.authRejections += 1;
    throw error;
  }
}

interface FaultyExchange extends Exchange {
  readonly fault: FaultSpec;
  readonly execute: (raw?: RawState) => Promise<Answer>;
}

async function applyFault(exchange: FaultyExchange): Promise<void> {
  const { fault, response, options, execute } = exchange;
  switch (fault.kind) {
    case 'commit-then-status':
      await execute();
      sendFault(exchange);
      return;
    case 'status':
      sendFault(exchange);
      return;
    case 'commit-then-reset':
      await execute();
      response.destroy();
      return;
    case 'reset':
      response.destroy();
      return;
    case 'hang':
      if (fault.commitAfterMs !== undefined) commitLater(execute, fault.commitAfterMs);
      return;
    case 'refused': {
      options.refuseFor(fault.ms ?? 5000);
      return;
    }
    case 'unknown-state': {
      reply(exchange, await execute(rawStateOf(fault)));
      return;
    }
    case 'run-deleted':
      deleteAsked(exchange);
      reply(exchange, await execute());
      return;
    case 'html': {
      const page = '<html><body><pre>upstream connect error</pre></body></html>';
      send(response, fault.status ?? 502, { 'content-type': 'text/html', body: page });
      return;
    }
    case 'redirect': {
      send(response, 302, { location: '/login.html?error=private-link-validation-error' });
      return;
    }
    case 'latency': {
      reply(exchange, await execute());
      return;
    }
    default:
      return fault.kind satisfies never;
  }
}

function sendFault({ fault, response }: FaultyExchange): void {
  const { status = 500, code, retryAfter, message = 'A fault was asked for.' } = fault;
  const header = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  const body = JSON.stringify({ error_code: code ?? codeForStatus(status), message, details: [] });
  send(response, status, { 'content-type': 'application/json', ...header, body });
}

/** Nobody waits for it any more; if it is rejected (say, the token was revoked), so be it. */
function commitLater(execute: () => Promise<Answer>, ms: number): void {
  setTimeout(() => void execute().catch(() => undefined), ms).unref();
}

function rawStateOf({ lifeCycle, result, state }: FaultSpec): RawState {
  return {
    lifeCycleState: lifeCycle ?? 'HIBERNATING',
    statusState: state ?? lifeCycle ?? 'HIBERNATING',
    ...(result === undefined ? {} : { resultState: result }),
  };
}

function deleteAsked({ request, options }: FaultyExchange): void {
  const run = options.engine.workspace.runs.get(readId(readParams(request), 'run_id'));
  if (run !== undefined) forgetRun(run, options.engine);
}

function reply({ response }: Exchange, { status, body }: Answer): void {
  if (Buffer.isBuffer(body)) sendBytes(response, status, body);
  else sendJson(response, status, body);
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return apiError(
    'INTERNAL_ERROR',
    `The simulator failed: ${error instanceof Error ? error.message : String(error)}`,
  );
}
