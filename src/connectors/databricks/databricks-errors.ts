import { LonghaulError, isJsonObject, shorten, type ErrorCode, type JsonObject } from '../../connector';
import type { SlowDown } from './databricks-gate';
import { objectAt, objectsAt, parseLosslessJson, textAt } from './databricks-json';

/** What was asked when the answer came; the same status means other things for other calls. */
export type Operation = 'submit' | 'run-now' | 'repair' | 'read' | 'list' | 'cancel' | 'token';

/** An answer that is not 2xx, as far as it matters. */
export interface ErrorAnswer {
  readonly operation: Operation;
  readonly host: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Values that must not appear in the message: tokens, resolved secrets. */
  readonly secrets: readonly string[];
  readonly now: number;
  /** The token came with the task, so nobody can renew it here. */
  readonly isTaskToken?: boolean;
  /** Who answered, where it is not Databricks. */
  readonly who?: string | undefined;
}

/** What an error body says, in whichever of its forms. */
export interface ErrorBody {
  readonly code?: string;
  readonly message: string;
  readonly requestId?: string;
  readonly retryDelayMs?: number;
}

/** Databricks' SDKs wait a second without Retry-After; a shared limit deserves more. */
const DEFAULT_RATE_LIMIT_PAUSE_MS = 5_000;
/** Quotas per hour or per workspace do not ease within seconds. */
const DEFAULT_QUOTA_PAUSE_MS = 60_000;

const MESSAGE_LIMIT = 1_000;

/** The SDKs' rule for "there is no such run": the code is the generic one, so the words must tell. */
const GONE = /\bRun:? .*does(?: not|n't) exist|\bRun: .* in job: .* doesn't exist|\bJob .* does not exist/i;
/** Words of a 404 that is about something on the way to the run. */
const ELSEWHERE = /\b(?:workspace|organization|endpoint|path|api|route)\b/i;
/** What answers a token whose run was deleted; the documentation promises an error and leaves its words open. */
const GONE_ON_START = /\bRun\b.*\b(?:does(?: not|n't) exist|(?:was|is|has been) deleted)/i;
const EXPIRED = /expired|invalid access token|token is not active/i;
const RATE = /rate limit|exceeding rate|in past \d+ seconds/i;

/** Translates an answer of Databricks into our error, once. */
export function toLonghaulError(answer: ErrorAnswer): LonghaulError {
  const body = parseErrorBody(answer.body);
  const code = toErrorCode(answer, body);
  const retryAfterMs =
    code === 'RATE_LIMITED' || code === 'UNAVAILABLE' ? toPause(answer, body, code) : undefined;
  return new LonghaulError(code, describe(answer, body), {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...adviceFor(code, answer),
    isQuota: code === 'RATE_LIMITED' && isQuota(body),
  });
}

/** Did the credentials run out? Expiry arrives as 401 or as 403 with words. */
export function isExpiredCredential(status: number, body: string): boolean {
  return status === 401 || (status === 403 && EXPIRED.test(parseErrorBody(body).message));
}

/** The host does not know this version of the API: an answer of the gateway, not of a run. */
export function isUnknownEndpoint(status: number, body: string): boolean {
  if (status !== 404) return false;
  const { code } = parseErrorBody(body);
  return code === undefined || code === 'ENDPOINT_NOT_FOUND';
}

/** What 2.1 says of a job of more than 100 tasks. */
export function needsNewerApi(status: number, body: string): boolean {
  return status === 400 && parseErrorBody(body).message.includes('can only be handled by API 2.2');
}

function toErrorCode(answer: ErrorAnswer, body: ErrorBody): ErrorCode {
  const { status } = answer;
  if (answer.operation === 'token') return toTokenErrorCode(status);
  if (status < 400) return toRedirectCode(answer);
  switch (status) {
    case 400:
      return toBadRequestCode(answer, body);
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return EXPIRED.test(body.message) ? 'UNAUTHENTICATED' : 'PERMISSION_DENIED';
    case 404:
      return toNotFoundCode(answer, body);
    case 408:
    case 409:
    case 425:
    case 499:
      return 'UNAVAILABLE';
    case 429:
      return 'RATE_LIMITED';
    case 501:
      return 'UNSUPPORTED';
    default:
      if (isMissingRun(answer, body)) return 'RUN_GONE';
      return status >= 500 || isLook(answer.operation) ? 'UNAVAILABLE' : 'INVALID_TASK';
  }
}

/** No code that speaks of the task or its run: only its credentials are asked for, and those are refused or not there. */
function toTokenErrorCode(status: number): ErrorCode {
  if (status < 400) return 'CONFIG';
  if (status === 429) return 'RATE_LIMITED';
  return status >= 500 || status === 408 || status === 425 || status === 499
    ? 'UNAVAILABLE'
    : 'UNAUTHENTICATED';
}

function toRedirectCode(answer: ErrorAnswer): ErrorCode {
  if (isPrivateLinkRefusal(answer)) return 'PERMISSION_DENIED';
  return isLook(answer.operation) ? 'UNAVAILABLE' : 'CONFIG';
}

/** Calls about a run that exists: odd answers of proxies must not end it. */
function isLook(operation: Operation): boolean {
  return operation === 'read' || operation === 'list' || operation === 'cancel';
}

function toBadRequestCode(answer: ErrorAnswer, body: ErrorBody): ErrorCode {
  if (isQuota(body) || body.code === 'COULD_NOT_ACQUIRE_LOCK') return 'RATE_LIMITED';
  if (isGone(answer.operation, body)) return 'RUN_GONE';
  return isLook(answer.operation) ? 'INTERNAL' : 'INVALID_TASK';
}

/** A 404 that does not name the run itself may be any proxy's: no reason to call a healthy run lost. */
function toNotFoundCode(answer: ErrorAnswer, body: ErrorBody): ErrorCode {
  if (!isLook(answer.operation)) return isGone(answer.operation, body) ? 'RUN_GONE' : 'NOT_FOUND';
  const isMissing = body.code === 'RESOURCE_DOES_NOT_EXIST' || body.code === 'NOT_FOUND';
  const isOther = ELSEWHERE.test(body.message) && !GONE.test(body.message);
  return isMissing && !isOther && answer.operation !== 'list' ? 'RUN_GONE' : 'UNAVAILABLE';
}

/** Some endpoints say so with 500: believed only when code and words both name the run, for a 500 is any trouble's. */
function isMissingRun({ status, operation }: ErrorAnswer, body: ErrorBody): boolean {
  return status === 500 && body.code !== undefined && isGone(operation, body);
}

function isGone(operation: Operation, body: ErrorBody): boolean {
  if (
    body.code !== undefined &&
    body.code !== 'INVALID_PARAMETER_VALUE' &&
    body.code !== 'RESOURCE_DOES_NOT_EXIST'
  ) {
    return false;
  }
  if (operation === 'list') return false;
  // On a start, only a token's deleted run can be missing; a missing job is the user's mistake.
  const isStart = operation === 'submit' || operation === 'run-now';
  return isStart ? GONE_ON_START.test(body.message) : GONE.test(body.message);
}

function isPrivateLinkRefusal(answer: ErrorAnswer): boolean {
  return headerOf(answer, 'location')?.includes('error=private-link-validation-error') === true;
}

function describe(answer: ErrorAnswer, body: ErrorBody): string {
  const requestId =
    body.requestId ?? headerOf(answer, 'x-request-id') ?? headerOf(answer, 'x-databricks-request-id');
  const words = [
    `${answer.who ?? `Databricks (${answer.host})`} answered ${answer.status}`,
    body.code === undefined ? '' : ` ${body.code}`,
    `: ${wordsFor(answer, body)}`,
  ].join('');
  const suffix = requestId === undefined ? '' : ` (request ${shorten(requestId, 80)})`;
  return shorten(redact(words, answer.secrets), MESSAGE_LIMIT - suffix.length) + suffix;
}

function wordsFor(answer: ErrorAnswer, body: ErrorBody): string {
  if (isPrivateLinkRefusal(answer)) return 'private link does not let this machine in';
  const location = headerOf(answer, 'location');
  if (location !== undefined && answer.status < 400) {
    return 'a redirect, which is not followed with credentials';
  }
  return body.message === '' ? 'no message' : body.message;
}

function adviceFor(code: ErrorCode, answer: ErrorAnswer): { advice?: string } {
  if (code === 'UNAUTHENTICATED') return { advice: adviceForRefusal(answer) };
  if (code !== 'CONFIG') return {};
  return { advice: `Check that ${answer.host} is the address of the workspace itself.` };
}

function adviceForRefusal({ host, isTaskToken }: ErrorAnswer): string {
  return isTaskToken === true
    ? `Renew the token that the task brings for ${host}.`
    : `Renew the credentials configured for ${host}.`;
}

/** Replaces every secret value by stars; the empty text is no secret. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => (secret === '' ? shown : shown.replaceAll(secret, '***')), text);
}

function toPause(answer: ErrorAnswer, body: ErrorBody, code: ErrorCode): number | undefined {
  const wished = parseRetryAfter(headerOf(answer, 'retry-after'), answer.now) ?? body.retryDelayMs;
  if (wished !== undefined || code === 'UNAVAILABLE') return wished;
  return isQuota(body) ? DEFAULT_QUOTA_PAUSE_MS : DEFAULT_RATE_LIMIT_PAUSE_MS;
}

/** Retry-After in seconds or as an HTTP date; undefined when it says nothing usable. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Math.round(Number(text) * 1000);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/**
 * What an answer says of the pace. 429 and a dated 503 stop everything; a 429 to a start without a date stops starts
 * only, because limits are per call and a workspace full of runs says 429 too; a quota of runs stops starts.
 */
export function readSlowDown(
  operation: Operation,
  answer: Pick<ErrorAnswer, 'status' | 'headers' | 'body'>,
): SlowDown | undefined {
  const { status } = answer;
  if (status !== 429 && status !== 503 && status !== 400) return undefined;
  const body = parseErrorBody(answer.body);
  // The server's own clock beside its own date: ours may be wrong by minutes.
  const servedAt = Date.parse(headerOf(answer, 'date') ?? '');
  const now = Number.isNaN(servedAt) ? Date.now() : servedAt;
  const wishedMs = parseRetryAfter(headerOf(answer, 'retry-after'), now) ?? body.retryDelayMs;
  const isStart = operation === 'submit' || operation === 'run-now';
  if (status === 400) {
    return isStart && isQuota(body)
      ? { scope: 'starts', wishedMs: wishedMs ?? DEFAULT_QUOTA_PAUSE_MS }
      : undefined;
  }
  if (wishedMs !== undefined) return { scope: 'all', wishedMs };
  return status === 429 ? { scope: isStart ? 'starts' : 'all' } : undefined;
}

/** A limit of the workspace on runs, rather than on requests. */
function isQuota(body: ErrorBody): boolean {
  return body.code === 'QUOTA_EXCEEDED' || (body.code === 'INVALID_STATE' && RATE.test(body.message));
}

function headerOf(answer: Pick<ErrorAnswer, 'headers'>, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Reads the four forms of an error body: JSON envelope, SCIM, `CODE: message`, HTML with `<pre>`. */
export function parseErrorBody(text: string): ErrorBody {
  const json = parseJsonObject(text);
  if (json !== undefined) return parseEnvelope(json);
  const html =
    /<pre[^>]*>([\s\S]*?)<\/pre>/i.exec(text)?.[1] ?? /<title[^>]*>([\s\S]*?)<\/title>/i.exec(text)?.[1];
  const plain = (html ?? text.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim();
  const [, code, message] = /^([A-Z][A-Z0-9_]{2,}): ?(.*)$/.exec(plain) ?? [];
  return code === undefined ? { message: plain } : { code, message: message ?? '' };
}

function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value = parseLosslessJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function parseEnvelope(json: JsonObject): ErrorBody {
  const details = objectsAt(json, 'details');
  const code =
    textAt(json, 'error_code') ??
    textAt(json, 'errorCode') ??
    textAt(json, 'scimType') ??
    textAt(json, 'error');
  const message = ['message', 'error_description', 'errorSummary', 'detail']
    .map((key) => textAt(json, key))
    .find(Boolean);
  const requestId = details.map((detail) => textAt(detail, 'request_id')).find(Boolean);
  const retryDelayMs = details.map(parseRetryDelay).find((delay) => delay !== undefined);
  return {
    message: message ?? '',
    ...(code === undefined ? {} : { code }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
  };
}

/** google.rpc.RetryInfo: `{ "retry_delay": "3s" }` or `{ "retry_delay": { "seconds": 3 } }`. */
function parseRetryDelay(detail: JsonObject): number | undefined {
  const text = textAt(detail, 'retry_delay') ?? textAt(objectAt(detail, 'retry_delay'), 'seconds');
  const seconds = text === undefined ? Number.NaN : Number(text.replace(/s$/, ''));
  return Number.isFinite(seconds) && seconds >= 0 ? Math.round(seconds * 1000) : undefined;
}
