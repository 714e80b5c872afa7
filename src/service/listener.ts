import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';

import { requireToken } from './authentication';
import { toBindError } from './bind-error';
import type { ServedService } from './definition';
import { createHealth, WATCH_TIMEOUT_MS, type Health } from './health';
import { addReflection } from './reflection';
import { toGrpcService, type Instruments } from './rpc';
import { readTlsCredentials, type TlsFiles } from './tls';
import { openTokenFile } from './token-file';

const DEFAULT_HOST = '127.0.0.1';
/** Flyte's own default for connectors. */
const DEFAULT_PORT = 8000;
const DEFAULT_DRAIN_NOTICE_MS = 3000;

const LIMITS: ServerOptions = {
  // Flyte sends a task's inputs inline; grpc-js's 4 MiB would refuse what its engine lets through.
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  // Finds callers that vanished without a word. Their pings (Flyte 2: every 30 s) are always answered.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Callers come again now and then, and so find replicas that were added meanwhile.
  'grpc.max_connection_age_ms': 600_000,
  'grpc.max_connection_age_grace_ms': 60_000,
};

export interface ListenerOptions {
  /** Default 127.0.0.1: nobody from outside. */
  readonly host?: string;
  /** Default 8000; 0 takes a free one. */
  readonly port?: number;
  /** Absent: plain text. */
  readonly tls?: TlsFiles;
  /** Absent: everybody who reaches the port may call. See {@link openTokenFile}. */
  readonly authTokenFile?: string;
  readonly services: readonly ServedService[];
  readonly instruments: Instruments;
  /** How long load balancers are given to see that we are going, before calls are refused; default 3 s. */
  readonly drainNoticeMs?: number;
}

/** A gRPC server that takes calls. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Shown by the health service as `temporal` and by `longhaul_temporal_reachable`. */
  setTemporal(reachable: boolean): void;
  /**
   * Says NOT_SERVING, goes on serving for the notice time, then takes no new calls, lets open ones end, and cuts what
   * is still open after `graceMs`. A second call waits for the first.
   */
  drain(options: { readonly graceMs: number }): Promise<void>;
}

/**
 * Serves these services with health and reflection on one port.
 * @throws CONFIG when the port cannot be had, or a file of `tls` or the token file is not as it should be.
 */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { host = DEFAULT_HOST, instruments, services } = options;
  const credentials = await credentialsOf(options);
  const server = createServer(options);
  const health = createHealth(services.map(({ descriptor }) => descriptor.typeName));
  for (const service of services) addService(server, service, instruments);
  addService(server, health.service, {
    ...instruments,
    tracer: undefined,
    defaultTimeoutMs: WATCH_TIMEOUT_MS,
  });
  addReflection(
    server,
    [...services, health.service].map(({ descriptor }) => descriptor.file),
  );
  const port = await bind(server, credentials, { host, port: options.port ?? DEFAULT_PORT });
  let drained: Promise<void> | undefined;
  return {
    host,
    port,
    setTemporal: (reachable) => {
      health.setTemporal(reachable);
      instruments.metrics.setTemporalReachable(reachable);
    },
    drain: ({ graceMs }) => {
      const noticeMs = options.drainNoticeMs ?? DEFAULT_DRAIN_NOTICE_MS;
      return (drained ??= drain({ server, health, noticeMs, graceMs }));
    },
  };
}

async function credentialsOf({ tls }: ListenerOptions): Promise<ServerCredentials> {
  return tls === undefined ? ServerCredentials.createInsecure() : readTlsCredentials(tls);
}

function createServer({ authTokenFile, instruments }: ListenerOptions): Server {
  if (authTokenFile === undefined) return new Server(LIMITS);
  const isValid = openTokenFile(authTokenFile, instruments.logger);
  return new Server({ ...LIMITS, interceptors: [requireToken(isValid, instruments)] });
}

function addService(
  server: Server,
  service: ServedService,
  options: Parameters<typeof toGrpcService>[1],
): void {
  const { definition, implementation } = toGrpcService(service, options);
  server.addService(definition, implementation);
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function bind(server: Server, credentials: ServerCredentials, { host, port }: Address): Promise<number> {
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(authority, credentials, (cause, bound) => {
      if (cause === null) {
        resolve(bound);
        return;
      }
      server.forceShutdown();
      reject(toBindError({ what: 'the gRPC services', host, port, cause }));
    });
  });
}

interface Draining {
  readonly server: Server;
  readonly health: Health;
  readonly noticeMs: number;
  readonly graceMs: number;
}

async function drain({ server, health, noticeMs, graceMs }: Draining): Promise<void> {
  health.drain();
  await sleep(noticeMs);
  health.close();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
