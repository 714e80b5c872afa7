import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LonghaulConfig } from '../../config/environment';
import { ERROR_TABLE, isErrorCode, LonghaulError, type ErrorCode } from '../../connector/errors';
import { createLogReader, rotateLog, sizeOf, tailOf } from '../log-file';
import { sendControlCommand, type ControlConnection } from './engine-control-client';
import { readEngineFile, type EngineInfo } from './engine-file';
import type { SpawnedEngine } from './engine-spawn';
import { parseEngineState, parseEngineStatus, type EngineStatus } from './engine-state';

export interface JoinEngineOptions {
  readonly config: Pick<LonghaulConfig, 'home'>;
  /**
   * Starts a process that calls `runEngineHost`, logging to {@link engineLogFile}; called when no engine answers.
   * It ends with code 0 for `alreadyRunning`, else with the exit code of its error.
   */
  readonly spawnEngine: () => Promise<SpawnedEngine>;
  /** Progress, for people. */
  readonly report: (message: string) => void;
  /** What the engine writes while it starts: which Temporal CLI it uses, what it fetches. Without time stamps. */
  readonly onLogLine?: (line: string) => void;
  /** Default 2 min: a first start on a slow disk. */
  readonly startLimitMs?: number;
}

/** Presence at a running engine. */
export interface JoinedEngine {
  readonly info: EngineInfo;
  /** Resolves with the reason when the engine goes away, or when closed. Join again to follow on. */
  readonly gone: Promise<string>;
  /** Leaves; the engine ends when idle. It does not keep this process alive: a process that ends has left, too. */
  close(): void;
}

/** Where a background engine writes. */
export function engineLogFile(config: Pick<LonghaulConfig, 'home'>): string {
  return join(config.home, 'engine.log');
}

const RETRY_MS = 100;

/**
 * Joins the engine of the data folder, starting it when there is none; safe in many processes at once, the lock
 * decides which engine lives. A dead engine's `engine.json` is seen through.
 * @throws the engine's own error code with its last log lines when it does not start, UNAVAILABLE after the limit.
 */
export async function joinOrStartEngine(options: JoinEngineOptions): Promise<JoinedEngine> {
  const { config, startLimitMs = 120_000 } = options;
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const logFile = engineLogFile(config);
  const limit = AbortSignal.timeout(startLimitMs);
  let attempt: StartAttempt | undefined;
  while (!limit.aborted) {
    const joined = await tryJoin(options, limit);
    relayLog(options, attempt);
    if (joined !== undefined) return joined;
    const exit = attempt?.exit();
    if (typeof exit === 'object' && exit.code !== 0) {
      throw startFailure(exit.code, tailOf(logFile, attempt?.logStart));
    }
    if (attempt === undefined || exit !== undefined) attempt = await startOnce(options, logFile);
    await sleep(RETRY_MS);
  }
  throw startFailure(null, tailOf(logFile, attempt?.logStart), `not within ${startLimitMs / 1000} s`);
}

/** What the engine of this folder says, or undefined when none answers. */
export async function engineStatus(config: Pick<LonghaulConfig, 'home'>): Promise<EngineStatus | undefined> {
  const connection = await send(config, 'status');
  if (connection === undefined) return undefined;
  for await (const answer of connection.answers) return parseEngineStatus(answer);
  return undefined;
}

/**
 * Ends the engine of this folder in order and waits until it is gone. Open tasks go on at the next start.
 * @returns its last words, or undefined when there was none.
 */
export async function stopEngine(config: Pick<LonghaulConfig, 'home'>): Promise<string | undefined> {
  const connection = await send(config, 'stop');
  if (connection === undefined) return undefined;
  let lastWords: string | undefined;
  for await (const answer of connection.answers) {
    const state = parseEngineState(answer);
    if (state?.state === 'stopping') lastWords = state.reason;
    else if (state !== undefined) lastWords ??= 'The engine ends.';
  }
  return lastWords;
}

async function send(
  config: Pick<LonghaulConfig, 'home'>,
  command: 'hold' | 'status' | 'stop',
): Promise<ControlConnection | undefined> {
  const file = readEngineFile(config.home);
  return file === undefined ? undefined : sendControlCommand(file, command);
}

const TIME_STAMP = /^\d{4}-\d\d-\d\dT\S+ /;

/** Only what the engine that we started reports itself: its lines carry a time stamp. */
function relayLog({ onLogLine }: JoinEngineOptions, attempt: StartAttempt | undefined): void {
  for (const line of attempt?.readLog() ?? []) {
    if (TIME_STAMP.test(line)) onLogLine?.(line.replace(TIME_STAMP, ''));
  }
}

interface StartAttempt {
  readonly logStart: number;
  /** The lines since the last call. */
  readLog(): readonly string[];
  /** Undefined while it runs. */
  exit(): { readonly code: number | null } | undefined;
}

async function startOnce({ spawnEngine, report }: JoinEngineOptions, logFile: string): Promise<StartAttempt> {
  report('Starting the Longhaul engine in the background');
  rotateLog(logFile);
  const logStart = sizeOf(logFile);
  let exit: { code: number | null } | undefined;
  const spawned = await spawnEngine();
  void spawned.ended.then((code) => (exit = { code }));
  return { logStart, readLog: createLogReader(logFile, logStart), exit: () => exit };
}

/** Holds on to an engine until it serves. @returns undefined when there is none, or it ends before. */
async function tryJoin(options: JoinEngineOptions, limit: AbortSignal): Promise<JoinedEngine | undefined> {
  const connection = await send(options.config, 'hold');
  if (connection === undefined) return undefined;
  const giveUp = (): void => connection.close();
  limit.addEventListener('abort', giveUp);
  const answers = connection.answers[Symbol.asyncIterator]();
  const info = await untilServing(answers, options.report);
  limit.removeEventListener('abort', giveUp);
  if (info === undefined) {
    connection.close();
    return undefined;
  }
  connection.unref();
  return { info, gone: untilGone(answers), close: () => connection.close() };
}

async function untilServing(
  answers: AsyncIterator<unknown>,
  report: (message: string) => void,
): Promise<EngineInfo | undefined> {
  for (let answer = await answers.next(); answer.done !== true; answer = await answers.next()) {
    const state = parseEngineState(answer.value);
    if (state?.state === 'serving') return state.info;
    if (state?.state !== 'starting') return undefined;
    report(`The engine is ${state.step}`);
  }
  return undefined;
}

async function untilGone(answers: AsyncIterator<unknown>): Promise<string> {
  let reason = 'The engine is gone.';
  for (let answer = await answers.next(); answer.done !== true; answer = await answers.next()) {
    const state = parseEngineState(answer.value);
    if (state?.state === 'stopping') reason = state.reason;
  }
  return reason;
}

function startFailure(exitCode: number | null, log: string, why = 'it ended'): LonghaulError {
  const lastWords = log === '' ? '' : `\n${log}`;
  return new LonghaulError(codeOfExit(exitCode), `The engine did not start: ${why}.${lastWords}`, {
    advice: 'Its log is engine.log in the data folder (LONGHAUL_HOME).',
  });
}

/** The error table gives each code an exit code of its own, so the way back is unique. */
function codeOfExit(exitCode: number | null): ErrorCode {
  const code = Object.keys(ERROR_TABLE).find(
    (key) => isErrorCode(key) && ERROR_TABLE[key].exitCode === exitCode,
  );
  return isErrorCode(code) ? code : 'UNAVAILABLE';
}
