import { LonghaulError, type JsonObject } from '../../connector';
import type { Grant } from './databricks-auth';
import { numberAt, textAt } from './databricks-json';
import { openHost, type HostConnection, type RawAnswer, type RawRequest } from './databricks-transport';
import { isLoopback, parseOrigin } from './databricks-workspace';

/** One question to whoever gives out tokens. */
export interface TokenQuestion {
  readonly headers?: Readonly<Record<string, string>>;
  /** A POST when given, else a GET. */
  readonly form?: Readonly<Record<string, string>>;
  /** A POST of JSON. */
  readonly json?: JsonObject;
  /** Values that must not come back in an error. */
  readonly secrets: readonly string[];
}

export interface EndpointOptions {
  readonly timeoutMs: number;
  readonly userAgent: string;
}

/** The workspace's own token endpoint; its answer is read by {@link parseGrant}. */
export type WorkspaceEndpoint = (question: TokenQuestion) => Promise<JsonObject>;

/** Where every workspace gives out tokens. */
export const TOKEN_PATH = '/oidc/v1/token';
const DISCOVERY_PATH = '/oidc/.well-known/oauth-authorization-server';

/**
 * Asks the workspace for a token. Where the usual address is not known, the workspace is asked for it, and believed
 * only when it names an address of its own: credentials go to no other host.
 */
export function createWorkspaceEndpoint(
  connection: HostConnection,
  host: string,
  options: EndpointOptions,
): WorkspaceEndpoint {
  let path: string = TOKEN_PATH;
  return async (question) => {
    const first = await exchange(connection, path, { ...question, ...options });
    if (first.status !== 404) return accept(connection, first, question);
    const found = await discover(connection, host, options);
    if (found === undefined || found === path) return accept(connection, first, question);
    path = found;
    return accept(connection, await exchange(connection, path, { ...question, ...options }), question);
  };
}

async function discover(
  connection: HostConnection,
  host: string,
  options: EndpointOptions,
): Promise<string | undefined> {
  const answer = await exchange(connection, DISCOVERY_PATH, { secrets: [], ...options });
  if (answer.status !== 200) return undefined;
  const url = parseOrigin(textAt(accept(connection, answer, { secrets: [] }), 'token_endpoint') ?? '');
  return url?.origin === host ? url.pathname : undefined;
}

/**
 * Asks somebody else for a token: Azure, Google, GitHub. `who` is how errors call them.
 * @throws UNAUTHENTICATED, RATE_LIMITED, UNAVAILABLE; CONFIG for an address that credentials must not go to.
 */
export async function askForeignEndpoint(
  { who, url }: { readonly who: string; readonly url: string },
  question: TokenQuestion,
  options: EndpointOptions,
): Promise<JsonObject> {
  const address = assertSafeAddress(who, url);
  const connection = openHost(address.origin, { who });
  try {
    const path = `${address.pathname}${address.search}`;
    return accept(connection, await exchange(connection, path, { ...question, ...options }), question);
  } finally {
    await connection.close();
  }
}

/** Clouds answer their machines on addresses that no packet leaves the machine's network for. */
const METADATA_HOSTS: ReadonlySet<string> = new Set(['169.254.169.254', 'metadata.google.internal']);

function assertSafeAddress(who: string, text: string): URL {
  const url = parseOrigin(text);
  const isSafe =
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && (isLoopback(url.hostname) || METADATA_HOSTS.has(url.hostname)));
  if (url !== undefined && isSafe) return url;
  throw new LonghaulError('CONFIG', `The address of ${who} is no https URL, so it gets no credentials.`);
}

function exchange(
  connection: HostConnection,
  path: string,
  question: TokenQuestion & EndpointOptions,
): Promise<RawAnswer> {
  const { headers, secrets, timeoutMs } = question;
  const content = contentOf(question);
  const request: RawRequest = {
    operation: 'token',
    method: content === undefined ? 'GET' : 'POST',
    path,
    headers: {
      accept: 'application/json',
      'user-agent': question.userAgent,
      ...(content === undefined ? {} : { 'content-type': content.type }),
      ...headers,
    },
    secrets,
    ...(content === undefined ? {} : { body: content.body }),
  };
  // No caller's signal: the token is for all of them. The request time-out bounds it.
  return connection.exchange(request, { signal: new AbortController().signal, timeoutMs });
}

function contentOf({ form, json }: TokenQuestion): { type: string; body: string } | undefined {
  if (form !== undefined) {
    return { type: 'application/x-www-form-urlencoded', body: new URLSearchParams(form).toString() };
  }
  return json === undefined ? undefined : { type: 'application/json', body: JSON.stringify(json) };
}

function accept(
  connection: HostConnection,
  answer: RawAnswer,
  { secrets }: Pick<TokenQuestion, 'secrets'>,
): JsonObject {
  return connection.accept('token', answer, { secrets, now: Date.now(), redact: (text) => text });
}

/** Reads what RFC 6749 §5.1 promises, and Azure's dialect of it. @throws UNAVAILABLE for anything else. */
export function parseGrant(answer: JsonObject, who: string): Grant {
  const token = textAt(answer, 'access_token');
  const type = textAt(answer, 'token_type') ?? 'Bearer';
  if (token === undefined || type.toLowerCase() !== 'bearer') {
    throw new LonghaulError('UNAVAILABLE', `${who} did not answer with a bearer token.`);
  }
  return { token, lifetimeMs: lifetimeOf(answer) };
}

/** A duration where there is one: an absolute time is only as good as both clocks. */
function lifetimeOf(answer: JsonObject): number | undefined {
  const seconds = numberAt(answer, 'expires_in');
  if (seconds !== undefined) return seconds * 1000;
  const endsAtSeconds = numberAt(answer, 'expires_on');
  return endsAtSeconds === undefined ? undefined : endsAtSeconds * 1000 - Date.now();
}
