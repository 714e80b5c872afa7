import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Environment } from '../config/temporal-settings';
import { LonghaulError } from '../connector/errors';
import type { AirflowMajor } from '../connectors/airflow';
import { commandLineOf } from '../temporal/process-alive';
import { messageOf, runCommand } from '../temporal/run-command';
import { findPython, type PythonInterpreter } from './python-interpreter';

export interface AirflowEnvironmentOptions {
  readonly major: AirflowMajor;
  /** The data folder: environments are kept in it. */
  readonly home: string;
  readonly env: Environment;
  /** Told in words what is made, because it takes a minute. */
  readonly report: (message: string) => void;
  /** More of `python/requirements` beside Airflow's own, such as `dev`; it makes an environment of its own. */
  readonly extra?: readonly string[];
}

export interface AirflowEnvironment {
  readonly major: AirflowMajor;
  readonly folder: string;
  readonly python: string;
  readonly pythonVersion: string;
}

/** As tested; only used while an environment is made. */
const UV = 'uv==0.13.9';
/** 160 packages, half a gigabyte, over a slow line. */
const INSTALL_LIMIT_MS = 1_200_000;

/**
 * The Python environment of a major of Airflow: made when it is missing, kept by the lock file's text and the Python
 * that runs it, so that a changed pin makes a new one. Every package is pinned by hash and byte-compiled. Safe from
 * several processes at once: it is made aside, and the first one to be ready stays.
 * @throws CONFIG in words when there is no Python, or the packages cannot be had.
 */
export async function openAirflowEnvironment(
  options: AirflowEnvironmentOptions,
): Promise<AirflowEnvironment> {
  const plan = await planEnvironment(options);
  if (!existsSync(plan.folder)) await makeEnvironment(plan, options);
  return environmentOf(plan);
}

/** The same without making anything: undefined while it is not made. @throws CONFIG without a Python. */
export async function findAirflowEnvironment(
  options: Omit<AirflowEnvironmentOptions, 'report'>,
): Promise<AirflowEnvironment | undefined> {
  const plan = await planEnvironment(options);
  return existsSync(plan.folder) ? environmentOf(plan) : undefined;
}

/** Our Python package: its `src` is on the worker's path, its `requirements` are the locks. From `dist` and `src` alike. */
export function pythonPackageFolder(): string {
  const candidates = [join(__dirname, '../../python'), join(__dirname, '../../../python')];
  const found = candidates.find((folder) => existsSync(join(folder, 'requirements')));
  if (found !== undefined) return found;
  throw new LonghaulError(
    'CONFIG',
    'The Python package of the Airflow worker is missing beside this program.',
    {
      advice: 'Install Longhaul again: its folder python/ belongs to it.',
    },
  );
}

interface EnvironmentPlan {
  readonly major: AirflowMajor;
  readonly interpreter: PythonInterpreter;
  readonly locks: readonly string[];
  readonly folder: string;
}

async function planEnvironment({
  major,
  home,
  env,
  extra = [],
}: Omit<AirflowEnvironmentOptions, 'report'>): Promise<EnvironmentPlan> {
  const requirements = join(pythonPackageFolder(), 'requirements');
  const locks = [`airflow${major}`, ...extra].map((name) => join(requirements, `${name}.txt`));
  const interpreter = await findPython(env, major);
  const hash = createHash('sha256').update(interpreter.build);
  for (const lock of locks) hash.update('\0').update(readFileSync(lock));
  const name = [`airflow${major}`, ...extra, hash.digest('hex').slice(0, 12)].join('-');
  return { major, interpreter, locks, folder: join(home, name) };
}

function environmentOf({ major, folder, interpreter }: EnvironmentPlan): AirflowEnvironment {
  return { major, folder, python: join(folder, 'bin/python'), pythonVersion: interpreter.version };
}

async function makeEnvironment(
  plan: EnvironmentPlan,
  { home, report }: Pick<AirflowEnvironmentOptions, 'home' | 'report'>,
): Promise<void> {
  const { major, folder, interpreter } = plan;
  const startedAt = Date.now();
  report(
    `Making the Python environment for Airflow ${major} (once, about a minute) with Python ${interpreter.version} …`,
  );
  mkdirSync(home, { recursive: true, mode: 0o700 });
  await removeLeftovers(home);
  const aside = join(home, `.airflow-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await fill(aside, plan, report);
    keepFirst(aside, folder);
  } catch (error) {
    throw toInstallError(error, major);
  } finally {
    await rm(aside, { recursive: true, force: true, maxRetries: 5 });
  }
  report(`The environment is ready after ${Math.round((Date.now() - startedAt) / 1000)} s: ${folder}`);
}

async function fill(
  folder: string,
  { major, interpreter, locks }: EnvironmentPlan,
  report: (message: string) => void,
): Promise<void> {
  await run(interpreter.command, ['-m', 'venv', folder]);
  const python = join(folder, 'bin/python');
  const count = locks.flatMap((lock) => readFileSync(lock, 'utf8').match(/^\S+==/gm) ?? []).length;
  const requirements = [...STRICT[major], ...locks.flatMap((lock) => ['-r', lock])];
  report(`  Fetching about ${count} packages …`);
  try {
    await installByUv({ folder, python, requirements });
  } catch (error) {
    report(`  ${UV} did not do it (${messageOf(error)}); pip takes some minutes instead …`);
    await installByPip(python, requirements);
  }
}

interface Install {
  readonly folder: string;
  readonly python: string;
  /** Options and lock files. */
  readonly requirements: readonly string[];
}

/** Five times as fast as pip. It goes into a folder of its own and is gone afterwards. */
async function installByUv({ folder, python, requirements }: Install): Promise<void> {
  const tool = join(folder, 'uv');
  try {
    await run(python, ['-m', 'pip', 'install', ...QUIET_PIP, '--no-compile', '--target', tool, UV]);
    const install = ['pip', 'install', '--quiet', '--python', python, '--compile-bytecode', '--no-progress'];
    await run(join(tool, 'bin/uv'), [...install, ...requirements]);
  } finally {
    await rm(tool, { recursive: true, force: true });
  }
}

/** Also where uv cannot reach what pip can: it reads no configuration of pip's. It compiles by itself. */
async function installByPip(python: string, requirements: readonly string[]): Promise<void> {
  await run(python, ['-m', 'pip', 'install', ...QUIET_PIP, ...requirements]);
}

const QUIET_PIP = ['--quiet', '--disable-pip-version-check', '--no-input'] as const;
/**
 * Nothing that is not named by hash, and where every package has a wheel no code of one is run to install it. Airflow 2
 * needs some that are published as sources only.
 */
const STRICT: Readonly<Record<AirflowMajor, readonly string[]>> = {
  2: ['--require-hashes'],
  3: ['--require-hashes', '--only-binary', ':all:'],
};

async function run(command: string, args: readonly string[]): Promise<void> {
  await runCommand(command, args, { limitMs: INSTALL_LIMIT_MS });
}

function keepFirst(made: string, folder: string): void {
  try {
    renameSync(made, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

const ASIDE = /^\.airflow-(\d+)-[0-9a-f]+$/;

/** Half a gigabyte each, of processes that were killed on the way. */
async function removeLeftovers(home: string): Promise<void> {
  for (const name of readdirSync(home)) {
    const pid = ASIDE.exec(name)?.[1];
    if (pid === undefined || commandLineOf(Number(pid)) !== undefined) continue;
    await rm(join(home, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

function toInstallError(cause: unknown, major: AirflowMajor): LonghaulError {
  return new LonghaulError(
    'CONFIG',
    `The Python environment for Airflow ${major} cannot be made: ${messageOf(cause)}`,
    {
      cause,
      advice: 'Check the disk (1 GB) and that pip reaches a package index, then try again: it begins anew.',
    },
  );
}
