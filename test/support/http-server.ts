import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they came, to see how integers are spelled. */
  readonly text: string;
  /** The caller's end of the socket: tells sockets apart. */
  readonly port: number | undefined;
}

export interface Answer {
  readonly status?: number;
  /** The content type is JSON where they name none. */
  readonly headers?: Record<string, string>;
  /** Objects are sent as JSON, text as it is. */
  readonly body?: unknown;
}

/** `'reset'` cuts the connection, `'hang'` never answers. */
export type Reply = Answer | 'reset' | 'hang';
export type Handler = (request: SeenRequest) => Reply | Promise<Reply>;

/** A server that listens on a free port of this machine. */
export interface Listening {
  readonly port: number;
  /** Cuts what is still open. */
  close(): Promise<void>;
}

export interface HttpServer extends Listening {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** All that came whole, in its order. */
  readonly requests: readonly SeenRequest[];
}

/** A real HTTP server that answers what a test tells it to. */
export async function startHttpServer(handler: Handler): Promise<HttpServer> {
  const requests: SeenRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    void readRequest(incoming).then(async (request) => {
      requests.push(request);
      send(outgoing, await handler(request));
    });
  });
  const listening = await listenLocally(server);
  return { ...listening, url: `http://127.0.0.1:${listening.port}`, requests };
}

export async function listenLocally(server: Server): Promise<Listening> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo; // a TCP server has no other kind
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readRequest(incoming: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = '', url: target = '/', headers, socket } = incoming;
  const { pathname: path, searchParams: query } = new URL(target, 'http://here');
  const text = Buffer.concat(chunks).toString('utf8');
  return { method, target, path, query, headers, text, port: socket.remotePort };
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
