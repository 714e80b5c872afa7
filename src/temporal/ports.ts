import { connect, createServer } from 'node:net';

/** Can this process listen there now? */
export function isPortFree(port: number, ip: string): Promise<boolean> {
  return listenOnce(port, ip).then(
    () => true,
    () => false,
  );
}

/** A port that is free at this moment. */
export function findFreePort(ip: string): Promise<number> {
  return listenOnce(0, ip);
}

/** Does anybody accept connections there? */
export function isServing(port: number, ip: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: ip });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

function listenOnce(port: number, ip: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, ip, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
