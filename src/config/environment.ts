import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { LonghaulError } from '../connector/errors';
import { loadTemporalSettings, type Environment, type TemporalSettings } from './temporal-settings';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Everything Longhaul reads from the environment, read once. */
export interface LonghaulConfig {
  /** The data folder, absolute: one engine, one database. `LONGHAUL_HOME`, default `~/.longhaul`. */
  readonly home: string;
  /** Secret references that a task may name: exact, or with a trailing `*`. `LONGHAUL_SECRETS_ALLOW`, default none. */
  readonly secretsAllow: readonly string[];
  /** The same for embedded mode, where operator and user are one person: default `env:LONGHAUL_SECRET_*`. */
  readonly embeddedSecretsAllow: readonly string[];
  /** `LONGHAUL_LOG_LEVEL`, default `info`. */
  readonly logLevel: LogLevel;
  readonly temporal: TemporalSettings;
  /** Where task workflows run. `LONGHAUL_TASK_QUEUE`, default `longhaul`. */
  readonly workflowTaskQueue: string;
  /** How long an engine without client and open task stays. `LONGHAUL_ENGINE_IDLE_SECONDS`, default 60. */
  readonly engineIdleSeconds: number;
  /** Keys that seal credentials brought by tasks, absolute. `LONGHAUL_SEALING_KEYS_FILE`, default none. */
  readonly sealingKeysFile?: string;
  /** Worker processes that share the request budgets of the workspaces. `LONGHAUL_WORKERS`, default 1. */
  readonly workers: number;
  /** Airflow's major for tasks that name none. `LONGHAUL_AIRFLOW`, default 3. */
  readonly airflowMajor: 2 | 3;
  /** First task queue of that major's workers. `LONGHAUL_AIRFLOW_TASK_QUEUE`, default `airflow3` or `airflow2`. */
  readonly airflowTaskQueue?: string;
}

const EMBEDDED_SECRETS_ALLOW = ['env:LONGHAUL_SECRET_*'];
const DEFAULT_IDLE_SECONDS = 60;

/**
 * Reads the environment; a variable set to nothing counts as not set.
 * @throws CONFIG naming the variable, its value and what it may be.
 */
export function parseEnvironment(env: Environment): LonghaulConfig {
  const secretsAllow = parseSecretsAllow(env['LONGHAUL_SECRETS_ALLOW']);
  const sealingKeysFile = parsePath(env, 'LONGHAUL_SEALING_KEYS_FILE');
  return {
    home: parsePath(env, 'LONGHAUL_HOME') ?? join(userHomeOf(env), '.longhaul'),
    secretsAllow: secretsAllow ?? [],
    embeddedSecretsAllow: secretsAllow ?? EMBEDDED_SECRETS_ALLOW,
    logLevel: parseLogLevel(env['LONGHAUL_LOG_LEVEL']),
    temporal: loadTemporalSettings(env),
    workflowTaskQueue: text(env['LONGHAUL_TASK_QUEUE']) ?? 'longhaul',
    engineIdleSeconds: parseIdleSeconds(env['LONGHAUL_ENGINE_IDLE_SECONDS']),
    workers: parseWorkers(env),
    ...parseAirflowRouting(env),
    ...(sealingKeysFile === undefined ? {} : { sealingKeysFile }),
  };
}

function text(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === '' ? undefined : trimmed;
}

function userHomeOf(env: Environment): string {
  return text(env['HOME']) ?? homedir();
}

function parsePath(env: Environment, name: string): string | undefined {
  const given = text(env[name]);
  if (given === undefined) return undefined;
  return given === '~' || given.startsWith('~/') ? join(userHomeOf(env), given.slice(1)) : resolve(given);
}

function parseSecretsAllow(value: string | undefined): readonly string[] | undefined {
  const patterns = text(value)
    ?.split(',')
    .map((pattern) => pattern.trim());
  const crooked = patterns?.find((pattern) => pattern.slice(0, -1).includes('*'));
  if (crooked !== undefined) {
    throw badVariable('LONGHAUL_SECRETS_ALLOW', crooked, 'may hold * only at the end');
  }
  return patterns?.filter((pattern) => pattern !== '');
}

function parseLogLevel(value: string | undefined): LogLevel {
  const given = text(value) ?? 'info';
  const level = LOG_LEVELS.find((candidate) => candidate === given.toLowerCase());
  if (level !== undefined) return level;
  throw badVariable('LONGHAUL_LOG_LEVEL', given, `must be one of ${LOG_LEVELS.join(', ')}`);
}

function parseIdleSeconds(value: string | undefined): number {
  const given = text(value);
  if (given === undefined) return DEFAULT_IDLE_SECONDS;
  const seconds = Number(given);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw badVariable('LONGHAUL_ENGINE_IDLE_SECONDS', given, 'must be a number of seconds above 0');
}

/** How many worker processes there are. @throws CONFIG. */
export function parseWorkers(env: Environment): number {
  const given = text(env['LONGHAUL_WORKERS']);
  if (given === undefined) return 1;
  const count = Number(given);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw badVariable('LONGHAUL_WORKERS', given, 'must be the number of worker processes, 1 or more');
}

/** Where Airflow tasks go that name no major. @throws CONFIG. */
export function parseAirflowRouting(
  env: Environment,
): Pick<LonghaulConfig, 'airflowMajor' | 'airflowTaskQueue'> {
  const airflowTaskQueue = text(env['LONGHAUL_AIRFLOW_TASK_QUEUE']);
  const airflowMajor = parseAirflowMajor(env);
  return { airflowMajor, ...(airflowTaskQueue === undefined ? {} : { airflowTaskQueue }) };
}

function parseAirflowMajor(env: Environment): 2 | 3 {
  const given = text(env['LONGHAUL_AIRFLOW']) ?? '3';
  if (given === '2') return 2;
  if (given === '3') return 3;
  throw badVariable('LONGHAUL_AIRFLOW', given, 'must be 2 or 3');
}

function badVariable(name: string, value: string, reason: string): LonghaulError {
  return new LonghaulError('CONFIG', `${name} ${reason} (got ${JSON.stringify(value)})`, { field: name });
}
