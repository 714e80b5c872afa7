import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { LonghaulError } from '../connector/errors';
import { connectClient } from './connection';
import { spawnWithLifeline, type ChildEnd, type LifelineChild } from './lifeline';
import { rotateLog, sizeOf, tailOf } from './log-file';
import { isPortFree, isServing } from './ports';
import { commandLineOf } from './process-alive';
import { ensureRetention } from './retention';
import { waitFor } from './wait';

export interface DevServerOptions {
  /** The Temporal CLI to run. */
  readonly binary: string;
  /** The SQLite file, absolute; made when missing. At most one server ever uses it. */
  readonly dbFile: string;
  readonly port: number;
  readonly uiPort: number;
  readonly ip: string;
  /** Names registered as Keyword. */
  readonly searchAttributes: readonly string[];
  readonly logFile: string;
  /** Gives up a start that is under way; later it has no effect. */
  readonly signal?: AbortSignal;
}

export interface DevServer {
  readonly pid: number;
  readonly address: string;
  readonly uiUrl: string;
  /** Resolves when the server has ended, for whatever reason; never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Ends it in order (SIGTERM), after 10 s by force. Idempotent. */
  stop(): Promise<void>;
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
/** A server that is still coming up may leave a request unanswered. */
const ANSWER_LIMIT_MS = 5_000;
/** A server whose parent was killed needs a moment to go. */
const ORPHAN_LIMIT_MS = 5_000;

/**
 * Starts Temporal's dev server on a file (WAL, synchronous NORMAL: nothing acknowledged is lost by a SIGKILL) with its
 * UI and 30 days of retention, and waits until it serves. The server dies with this process, SIGKILL included.
 * @throws CONFIG when another server still uses the file, UNAVAILABLE when a port is taken, or with the log's tail when
 * it does not come up.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  await assertFileUnused(options.dbFile);
  await assertPortsFree(options);
  rotateLog(options.logFile);
  const logStart = sizeOf(options.logFile);
  const child = spawnWithLifeline({
    command: options.binary,
    args: serverArguments(options),
    logFile: options.logFile,
    env: serverEnvironment(),
  });
  writeFileSync(pidFileOf(options.dbFile), String(child.pid ?? ''));
  try {
    return await waitUntilServing(child, options);
  } catch (error) {
    await stopChild(child);
    throw startFailure(error, tailOf(options.logFile, logStart));
  }
}

function serverArguments(options: DevServerOptions): string[] {
  return [
    ...['server', 'start-dev', '--log-level', 'warn', '--ip', options.ip],
    ...['--port', String(options.port), '--ui-port', String(options.uiPort)],
    ...['--db-filename', options.dbFile],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...options.searchAttributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}

/** No secret of ours belongs into the server's environment, nor a TEMPORAL_* variable that could redirect it. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, TZ } = process.env;
  return { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }), ...(TZ && { TZ }) };
}

async function waitUntilServing(child: LifelineChild, options: DevServerOptions): Promise<DevServer> {
  const { pid } = child;
  if (pid === undefined) {
    throw new LonghaulError('CONFIG', 'The Temporal server cannot be started: /bin/sh is missing.');
  }
  let end: ChildEnd | undefined;
  void child.ended.then((how) => (end = how));
  await waitFor(
    async () => {
      if (options.signal?.aborted === true) throw new LonghaulError('UNAVAILABLE', 'it was told to stop');
      if (end !== undefined) {
        throw new LonghaulError('UNAVAILABLE', `it ended with ${end.signal ?? `code ${end.code}`}`);
      }
      return (await isServing(options.port, options.ip)) || undefined;
    },
    { what: 'to serve', limitMs: START_LIMIT_MS },
  );
  const address = `${options.ip}:${options.port}`;
  await setRetention(address);
  return {
    pid,
    address,
    uiUrl: `http://${options.ip}:${options.uiPort}`,
    ended: child.ended,
    stop: () => stopChild(child),
  };
}

/** The server accepts connections a moment before its namespace can be read. */
async function setRetention(address: string): Promise<void> {
  const { connection, namespace } = await connectClient(address, { connectTimeoutMs: START_LIMIT_MS });
  try {
    const ensure = (): Promise<number> => ensureRetention(connection, namespace);
    const tryEnsure = (): Promise<number | undefined> =>
      connection.withDeadline(Date.now() + ANSWER_LIMIT_MS, ensure).catch(() => undefined);
    await waitFor(tryEnsure, { what: 'to know its namespace', limitMs: START_LIMIT_MS });
  } finally {
    await connection.close();
  }
}

async function stopChild(child: LifelineChild): Promise<void> {
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await child.ended;
  clearTimeout(force);
}

function pidFileOf(dbFile: string): string {
  return `${dbFile}.pid`;
}

/** Two servers on one file corrupt each other's view, so an earlier one must be seen gone. */
async function assertFileUnused(dbFile: string): Promise<void> {
  const pid = readPid(pidFileOf(dbFile));
  if (pid === undefined) return;
  const isGone = (): true | undefined => (commandLineOf(pid)?.includes(dbFile) === true ? undefined : true);
  try {
    await waitFor(isGone, { what: 'the earlier Temporal server to end', limitMs: ORPHAN_LIMIT_MS });
  } catch (error) {
    throw new LonghaulError('CONFIG', `Another Temporal server (process ${pid}) uses ${dbFile}.`, {
      cause: error,
      advice: `End it first: kill ${pid}`,
    });
  }
  rmSync(pidFileOf(dbFile), { force: true });
}

/** Else we would take whoever listens there for our server. */
async function assertPortsFree({ port, uiPort, ip }: DevServerOptions): Promise<void> {
  for (const wanted of [port, uiPort]) {
    if (await isPortFree(wanted, ip)) continue;
    throw new LonghaulError('UNAVAILABLE', `The Temporal server did not start: port ${wanted} is taken.`);
  }
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function startFailure(error: unknown, log: string): LonghaulError {
  const { message, code } = LonghaulError.from(error);
  const lastWords = log === '' ? '' : `\n${log}`;
  return new LonghaulError(code, `The Temporal server did not start: ${message}${lastWords}`, {
    cause: error,
    advice: 'Read its log, or name another Temporal CLI in TEMPORAL_CLI_PATH.',
  });
}
