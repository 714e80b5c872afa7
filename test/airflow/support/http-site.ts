import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A small site for HttpOperator: it greets, and it repeats what it was sent. */
export interface HttpSite {
  readonly port: number;
  /** Of each request: its path and its `authorization`. */
  readonly requests: readonly SiteRequest[];
  close(): Promise<void>;
}

export interface SiteRequest {
  readonly path: string;
  readonly authorization: string | undefined;
}

export async function startHttpSite(): Promise<HttpSite> {
  const requests: SiteRequest[] = [];
  const server = createServer((message, response) => {
    const { authorization } = message.headers;
    requests.push({ path: message.url ?? '', authorization });
    answer(message, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server has no other kind
  return {
    port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer({ url = '/', headers }: IncomingMessage, response: ServerResponse): void {
  if (url.startsWith('/fail')) response.writeHead(500).end('it failed');
  else if (url.startsWith('/echo')) response.end(`you sent ${headers.authorization ?? 'nothing'}`);
  else response.end(`hello from ${url}`);
}
