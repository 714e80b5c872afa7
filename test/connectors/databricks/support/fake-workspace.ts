import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '../../../../src/connector';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they came, to see how integers are spelled. */
  readonly text: string;
  /** The caller's end of the socket: tells sockets apart. */
  readonly port: number | undefined;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Objects are sent as JSON, text as it is. */
  readonly body?: unknown;
}

/** `'reset'` cuts the connection, `'hang'` never answers. */
export type Reply = FakeAnswer | 'reset' | 'hang';
export type Handler = (request: SeenRequest) => Reply | Promise<Reply>;

export interface FakeWorkspace {
  readonly host: string;
  readonly requests: readonly SeenRequest[];
  /** Answers requests whose path ends so; the latest rule wins. */
  on(pathEnd: string, handler: Handler | Reply): void;
  requestsTo(pathEnd: string): SeenRequest[];
  close(): Promise<void>;
}

/** A real HTTP server on a free port that answers what a test tells it to. */
export async function startFakeWorkspace(): Promise<FakeWorkspace> {
  const rules: { pathEnd: string; handler: Handler }[] = [];
  const requests: SeenRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    void readRequest(incoming).then(async (request) => {
      requests.push(request);
      const rule = rules.findLast(({ pathEnd }) => request.path.endsWith(pathEnd));
      send(outgoing, rule === undefined ? notFound(request.path) : await rule.handler(request));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: `http://127.0.0.1:${port}`,
    requests,
    on: (pathEnd, handler) => {
      rules.push({ pathEnd, handler: typeof handler === 'function' ? handler : () => handler });
    },
    requestsTo: (pathEnd) => requests.filter(({ path }) => path.endsWith(pathEnd)),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function notFound(path: string): FakeAnswer {
  return apiError(404, 'ENDPOINT_NOT_FOUND', `No API found for ${path}`);
}

type ApiErrorParts = [status: number, code: string, message: string, headers?: Record<string, string>];

export function apiError(...parts: ApiErrorParts): FakeAnswer {
  const [status, code, message, headers = {}] = parts;
  return { status, headers, body: { error_code: code, message } };
}

async function readRequest(incoming: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const url = new URL(incoming.url ?? '/', 'http://fake');
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    text: Buffer.concat(chunks).toString('utf8'),
    port: incoming.socket.remotePort,
  };
}

function send(outgoing: ServerResponse, reply: Reply): void {
  if (reply === 'hang') return;
  if (reply === 'reset') {
    outgoing.socket?.destroy();
    return;
  }
  const { status = 200, headers = {}, body = {} } = reply;
  outgoing.writeHead(status, { 'content-type': 'application/json', ...headers });
  outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A run or task run in the shape of Jobs API 2.2. */
export function runOf(lifeCycle: string, result?: string, more: JsonObject = {}): JsonObject {
  return {
    run_id: 4711,
    job_id: 12,
    run_page_url: 'https://example.invalid/?o=1#job/12/run/4711',
    state: { life_cycle_state: lifeCycle, ...(result === undefined ? {} : { result_state: result }) },
    ...more,
  };
}

export function taskOf(taskKey: string, runId: number, more: JsonObject = {}): JsonObject {
  return {
    task_key: taskKey,
    run_id: runId,
    attempt_number: 0,
    start_time: 1_000 + runId,
    end_time: 2_000 + runId,
    state: { life_cycle_state: 'TERMINATED', result_state: 'SUCCESS' },
    ...more,
  };
}
