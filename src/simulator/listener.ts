import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The listening socket, which can be closed and opened again on the same port. */
export interface Listener {
  readonly port: number;
  /** Closes the socket and destroys all connections, or opens it again. Calls are done one after another. */
  readonly setOpen: (open: boolean) => Promise<void>;
}

export async function listen(host: string, port: number, handler: RequestListener): Promise<Listener> {
  let server = await open(host, port, handler);
  const bound = (server.address() as AddressInfo).port; // a TCP server has no other kind of address
  let isOpen = true;
  let last = Promise.resolve();
  const change = async (wanted: boolean): Promise<void> => {
    if (wanted === isOpen) return;
    isOpen = wanted;
    if (wanted) server = await open(host, bound, handler);
    else await close(server);
  };
  return {
    port: bound,
    setOpen: (wanted) => (last = last.catch(() => undefined).then(() => change(wanted))),
  };
}

function open(host: string, port: number, handler: RequestListener): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 60_000 }, handler);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
