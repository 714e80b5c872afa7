import { request } from 'node:http';
import { createServer } from 'node:https';

import type { CertificateFiles } from '../../service/support/certificates';
import { readPair } from '../../service/support/certificates';
import { listenLocally } from '../../support/http-server';

export interface TlsFront {
  /** `localhost:PORT` */
  readonly address: string;
  readonly close: () => Promise<void>;
}

/** HTTPS before an HTTP server of this machine, for clients that speak nothing else. */
export async function openTlsFront(files: CertificateFiles, port: number): Promise<TlsFront> {
  const server = createServer(await readPair(files), (incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const forwarded = request({ host: '127.0.0.1', port, method, path: url, headers }, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  const listening = await listenLocally(server);
  return { address: `localhost:${listening.port}`, close: listening.close };
}
