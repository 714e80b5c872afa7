import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { LonghaulConfig } from '../../config/environment';
import { readPackageVersion } from '../../config/package-version';
import { LonghaulError } from '../../connector/errors';
import type { JsonObject } from '../../connector/json';
import { startDevServer } from '../dev-server';
import { SEARCH_ATTRIBUTE_NAMES } from '../search-attributes';
import type { TemporalBinary } from '../temporal-binary';
import { withLimit } from '../wait';
import { createClosers, type Closers } from './closers';
import { openControlServer, type ControlServer } from './engine-control';
import { prepareData, recordData } from './engine-data';
import { becomeEngine } from './engine-election';
import { removeEngineFile, writeEngineFile, type EngineInfo } from './engine-file';
import { untilIdle } from './engine-idle';
import { chooseEnginePorts, type EnginePorts } from './engine-ports';
import { listenForStop, type StopRequests } from './stop-requests';
import { superviseServer, type SupervisedServer } from './supervised-server';

/** Something that runs inside the engine: the worker, the simulator. */
export interface EngineService {
  close(): Promise<void>;
  /** For `status`; a member `workspaceUrl` is shown as the engine's workspace. No secrets. */
  describe(): JsonObject;
  /** Where the service can end by itself: the engine ends with it, for a half engine would hang tasks silently. */
  readonly ended?: Promise<unknown>;
}

/** What services are given. */
export interface EngineContext {
  readonly temporalAddress: string;
  readonly namespace: string;
  readonly uiUrl: string;
  readonly home: string;
}

export interface EngineHostOptions {
  readonly config: Pick<LonghaulConfig, 'home' | 'engineIdleSeconds'>;
  readonly binary: TemporalBinary;
  readonly startServices: (context: EngineContext) => Promise<readonly EngineService[]>;
  /** Counts the tasks that are not closed; a failure counts as "there may be some". */
  readonly openTasks: (context: EngineContext) => Promise<number>;
  readonly report: (message: string) => void;
  /** Default true. `longhaul dev` stays until it is told to stop. */
  readonly endWhenIdle?: boolean;
  /** Told once everything serves. */
  readonly onServing?: (info: EngineInfo) => void;
}

export type EngineEnd =
  /** Another process is the engine of this folder; nothing was started. */
  | { readonly kind: 'alreadyRunning' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'stopped'; readonly reason: string; readonly openTasks: number | null };

type HostedEnd = Exclude<EngineEnd, { kind: 'alreadyRunning' }>;

const IP = '127.0.0.1';
const NAMESPACE = 'default';
/** For an engine that is about to end. */
const LOCK_WAIT_MS = 3_000;
const COUNT_LIMIT_MS = 5_000;

/**
 * Is the engine of a data folder until it is idle, told to stop (signal or control port) or broken: Temporal's dev
 * server on the folder's file, and the given services. It ends in order: services, server, files. Tasks left open
 * go on at the next start. Killed, it takes its server along, and the next engine goes on in the same file.
 * @throws CONFIG, UNAVAILABLE or what a service threw, after everything is closed.
 */
export async function runEngineHost(options: EngineHostOptions): Promise<EngineEnd> {
  const { home } = options.config;
  const closers = createClosers(options.report);
  const lock = await becomeEngine(home, LOCK_WAIT_MS);
  if (lock === undefined) return { kind: 'alreadyRunning' };
  closers.add('The lock', () => lock.release());
  try {
    return await hostEngine(options, closers);
  } finally {
    await closers.closeAll();
  }
}

async function hostEngine(options: EngineHostOptions, closers: Closers): Promise<HostedEnd> {
  const stop = listenForStop();
  closers.add('The signal handlers', stop.close);
  const host = await openHost(options, closers, stop.request);
  const server = startTemporal(host, closers);
  await Promise.race([server.ready, stop.requested]);
  if (stop.reason() === undefined) await serve(host, closers);
  const end = await untilEnd(host, server, stop);
  host.report(describeEnd(end));
  host.control.publish({ state: 'stopping', reason: describeEnd(end) });
  recordData(host.context.home, {
    serverVersion: options.binary.serverVersion,
    openTasks: end.kind === 'stopped' ? end.openTasks : 0,
  });
  return end;
}

/** An engine between its first and its last step. */
interface Host extends EngineHostOptions {
  readonly context: EngineContext;
  readonly ports: EnginePorts;
  readonly control: ControlServer;
  readonly secret: string;
  readonly dbFile: string;
  readonly services: EngineService[];
  readonly countOpenTasks: () => Promise<number | null>;
}

async function openHost(
  options: EngineHostOptions,
  closers: Closers,
  onStop: (reason: string) => void,
): Promise<Host> {
  const { home } = options.config;
  const { dbFile, notice } = prepareData(home, options.binary);
  if (notice !== undefined) options.report(notice);
  const ports = await chooseEnginePorts(home, IP);
  const context: EngineContext = {
    temporalAddress: `${IP}:${ports.temporal}`,
    namespace: NAMESPACE,
    uiUrl: `http://${IP}:${ports.ui}`,
    home,
  };
  const countOpenTasks = (): Promise<number | null> =>
    withLimit(options.openTasks(context), COUNT_LIMIT_MS, 'the count').catch(() => null);
  const secret = randomBytes(32).toString('base64url');
  const control = await openControlServer({
    ip: IP,
    port: ports.control,
    secret,
    initialState: { state: 'starting', step: 'starting Temporal' },
    countOpenTasks,
    onStop: () => onStop('asked by longhaul'),
  });
  closers.add('The control port', () => control.close());
  const host: Host = { ...options, context, ports, control, secret, dbFile, services: [], countOpenTasks };
  closers.add('engine.json', () => removeEngineFile(home));
  writeEngineFile(home, { ...infoOf(host), secret });
  return host;
}

function startTemporal(host: Host, closers: Closers): SupervisedServer {
  const { report, binary, dbFile, ports } = host;
  const server = superviseServer({
    report,
    start: (signal) =>
      startDevServer({
        ...{ binary: binary.path, dbFile, port: ports.temporal, uiPort: ports.ui, ip: IP, signal },
        searchAttributes: SEARCH_ATTRIBUTE_NAMES,
        logFile: join(host.context.home, 'temporal.log'),
      }),
  });
  closers.add('The Temporal server', () => server.stop());
  return server;
}

async function serve(host: Host, closers: Closers): Promise<void> {
  host.control.publish({ state: 'starting', step: 'starting the services' });
  for (const service of await host.startServices(host.context)) {
    host.services.push(service);
    closers.add('A service', () => service.close());
  }
  const info = infoOf(host);
  writeEngineFile(host.context.home, { ...info, secret: host.secret });
  host.control.publish({ state: 'serving', info });
  host.onServing?.(info);
}

function infoOf({ binary, context, control, services }: Host): EngineInfo {
  const described = services.map((service) => service.describe());
  const workspaceUrl = described
    .map((service) => service['workspaceUrl'])
    .find((url) => typeof url === 'string');
  return {
    pid: process.pid,
    startedAt: STARTED_AT,
    temporalAddress: context.temporalAddress,
    uiUrl: context.uiUrl,
    controlPort: control.port,
    ...(workspaceUrl === undefined ? {} : { workspaceUrl }),
    versions: {
      longhaul: readPackageVersion(),
      temporal: binary.version,
      temporalServer: binary.serverVersion,
    },
    services: JSON.parse(JSON.stringify(described)) as EngineInfo['services'], // plain JSON, mutable as zod types it
  };
}

const STARTED_AT = new Date(Date.now() - process.uptime() * 1000).toISOString();

/** Whatever comes first: a stop, idleness, or a part that is broken. The last look and the verdict are one step. */
async function untilEnd(host: Host, server: SupervisedServer, stop: StopRequests): Promise<HostedEnd> {
  const watching = new AbortController();
  const { control, countOpenTasks } = host;
  const idleMs = host.config.engineIdleSeconds * 1000;
  const idleOptions = {
    idleMs,
    countOpenTasks,
    clientCount: control.clientCount,
    lastLeftAt: control.lastLeftAt,
  };
  const idle =
    host.endWhenIdle === false
      ? never()
      : untilIdle(idleOptions, watching.signal).then(() => 'idle' as const);
  const broken = Promise.race([server.gaveUp, ...host.services.map(failureOf)]);
  try {
    const first = await Promise.race([stop.requested, idle, broken]);
    if (first instanceof Error) throw first;
    if (first === 'idle' && stop.reason() === undefined) return { kind: 'idle' };
    return { kind: 'stopped', reason: stop.reason() ?? 'asked', openTasks: await countOpenTasks() };
  } finally {
    watching.abort();
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

async function failureOf({ ended }: EngineService): Promise<LonghaulError> {
  if (ended === undefined) return never();
  const cause: unknown = await ended.catch((error: unknown) => error);
  const message = cause instanceof Error ? cause.message : 'it ended';
  return new LonghaulError('INTERNAL', `A service of the engine ended unasked: ${message}`, { cause });
}

function describeEnd(end: HostedEnd): string {
  if (end.kind === 'idle') return 'The engine ends: no client and no open task.';
  if (end.openTasks === 0) return `The engine ends: ${end.reason}.`;
  const open = end.openTasks === null ? 'Tasks that are open' : `${end.openTasks} open task(s)`;
  return `The engine ends: ${end.reason}. ${open} go on when it is started again.`;
}
