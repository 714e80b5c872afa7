import { timingSafeEqual, createHash } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { LonghaulError } from '../../connector/errors';
import {
  parseControlRequest,
  type ControlCommand,
  type EngineState,
  type EngineStatus,
} from './engine-state';

export interface ControlServerOptions {
  readonly ip: string;
  readonly port: number;
  readonly secret: string;
  readonly initialState: EngineState;
  readonly countOpenTasks: () => Promise<number | null>;
  /** Somebody asked the engine to stop. */
  readonly onStop: () => void;
}

/** How the engine is spoken to: a client is present as long as its connection, so even a killed one is seen to leave. */
export interface ControlServer {
  readonly port: number;
  clientCount(): number;
  /** When the last client left, epoch milliseconds; the start before the first one came. */
  lastLeftAt(): number;
  /** Tells every client. */
  publish(state: EngineState): void;
  close(): Promise<void>;
}

/** A stranger that says nothing is not kept. */
const HELLO_LIMIT_MS = 5_000;

/** Opens the control port on a local address. @throws UNAVAILABLE when the port is taken. */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const listeners = new Set<Socket>();
  let state = options.initialState;
  let lastLeftAt = Date.now();

  const admit = (socket: Socket): void => {
    listeners.add(socket);
    socket.once('close', () => {
      listeners.delete(socket);
      lastLeftAt = Date.now();
    });
    send(socket, state);
  };
  const status = async (): Promise<EngineStatus> => {
    const openTasks = await options.countOpenTasks();
    return { state, clients: listeners.size, openTasks };
  };
  const obey = (socket: Socket, command: ControlCommand): void => {
    if (command === 'status') {
      void status().then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
      return;
    }
    admit(socket);
    if (command === 'stop') options.onStop();
  };

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    greet(socket, options.secret, obey);
  });
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port, // a TCP server that listens has one
    clientCount: () => listeners.size,
    lastLeftAt: () => lastLeftAt,
    publish: (next) => {
      state = next;
      for (const socket of listeners) send(socket, state);
    },
    close: () => closeServer(server, sockets),
  };
}

/** Waits for the first line, which must hold the secret and a command; anything else ends the connection. */
function greet(
  socket: Socket,
  secret: string,
  obey: (socket: Socket, command: ControlCommand) => void,
): void {
  socket.on('error', () => socket.destroy());
  socket.setTimeout(HELLO_LIMIT_MS, () => socket.destroy());
  createInterface({ input: socket }).once('line', (line) => {
    const request = parseControlRequest(line);
    if (request === undefined || !isSameSecret(request.secret, secret)) {
      socket.destroy();
      return;
    }
    socket.setTimeout(0);
    obey(socket, request.command);
  });
}

function isSameSecret(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return first !== undefined && second !== undefined && timingSafeEqual(first, second);
}

function send(socket: Socket, state: EngineState): void {
  socket.write(`${JSON.stringify(state)}\n`);
}

function listen(server: Server, { port, ip }: ControlServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new LonghaulError('UNAVAILABLE', `The engine's control port ${port} cannot be opened.`, { cause }),
      );
    });
    server.listen(port, ip, resolve);
  });
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroySoon();
  });
}
