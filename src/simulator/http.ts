import type { IncomingMessage, ServerResponse } from 'node:http';

import { ApiError, apiError } from './api-error';
import { isWireObject, parseWireJson, toWireJson, type WireObject, type WireValue } from './wire-json';

const MAX_BODY_BYTES = 10 * 1024 * 1024;

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** How the client calls this host, without a trailing slash. */
  readonly baseUrl: string;
}

export async function readRequest(message: IncomingMessage): Promise<HttpRequest> {
  const baseUrl = `http://${message.headers.host ?? 'localhost'}`;
  const url = new URL(message.url ?? '/', 'http://localhost');
  const { method = 'GET', headers } = message;
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    body: await readBody(message),
    headers,
    baseUrl,
  };
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new ApiError(413, 'MALFORMED_REQUEST', { message: 'The body exceeds 10 MB.' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Query and JSON body as one set of parameters. @throws ApiError MALFORMED_REQUEST */
export function readParams({ query, body }: HttpRequest): WireObject {
  return { ...Object.fromEntries(query), ...readJsonObject(body) };
}

/** An empty body is an empty object. @throws ApiError MALFORMED_REQUEST */
export function readJsonObject(body: string): WireObject {
  if (body.trim() === '') return {};
  const value = parseJson(body);
  if (!isWireObject(value)) throw apiError('MALFORMED_REQUEST', 'The request body must be a JSON object.');
  return value;
}

function parseJson(body: string): WireValue {
  try {
    return parseWireJson(body);
  } catch {
    throw apiError('MALFORMED_REQUEST', 'Could not parse the request body as JSON.');
  }
}

export function sendJson(response: ServerResponse, status: number, body: WireValue): void {
  send(response, status, { 'content-type': 'application/json', body: toWireJson(body) });
}

export function sendBytes(response: ServerResponse, status: number, bytes: Buffer): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/octet-stream' }).end(bytes);
}

export function sendError(response: ServerResponse, error: ApiError): void {
  const { status, code, message, retryAfter } = error;
  const header = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  const body = toWireJson({ error_code: code, message, details: [] });
  send(response, status, { 'content-type': 'application/json', ...header, body });
}

/** Sends headers and `body`; a client that has gone away meanwhile is no error. */
export function send(
  response: ServerResponse,
  status: number,
  options: Readonly<Record<string, string>>,
): void {
  const { body = '', ...headers } = options;
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, headers).end(body);
}
