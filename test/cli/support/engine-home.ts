import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  mkdirSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { engineStatus, stopEngine } from '../../../src/temporal/engine/engine-client';
import type { EngineInfo } from '../../../src/temporal/engine/engine-file';
import { waitUntil } from '../../support/wait-until';

/** Folders of the jobs that may still wait. */
const heldJobs: string[] = [];

/** A data folder of its own, with the machine's Temporal CLI in it. */
export interface EngineHome {
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the engine that serves here tells of itself. */
  info(): Promise<EngineInfo>;
  /** Undefined in the moments without a server. */
  serverPid(): number | undefined;
  /** Command lines of living processes that have to do with this folder, the asking one left out. */
  processes(): string[];
  close(): Promise<void>;
}

export function createEngineHome(idleSeconds: number): EngineHome {
  const home = mkdtempSync(join(tmpdir(), 'lh-cli-home-'));
  linkTemporal(home);
  return {
    home,
    env: { LONGHAUL_HOME: home, LONGHAUL_ENGINE_IDLE_SECONDS: String(idleSeconds), HOME: home },
    info: () => waitUntil('the engine to serve', () => readInfo(home)),
    serverPid: () => readServerPid(home),
    processes: () => processesOf(home),
    close: async () => {
      for (const folder of heldJobs.splice(0)) writeFileSync(join(folder, 'go'), ''); // a job outlives its engine
      await stopEngine({ home });
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function readServerPid(home: string): number | undefined {
  try {
    return Number(readFileSync(join(home, 'temporal.db.pid'), 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

async function readInfo(home: string): Promise<EngineInfo | undefined> {
  const status = await engineStatus({ home });
  return status?.state.state === 'serving' ? status.state.info : undefined;
}

/** Fetched once a machine, by the global set-up. */
function linkTemporal(home: string): void {
  const bin = join(process.env['LONGHAUL_TEST_HOME'] ?? join(homedir(), '.longhaul'), 'bin');
  if (!existsSync(bin)) return;
  mkdirSync(join(home, 'bin'));
  for (const name of readdirSync(bin).filter((file) => file.startsWith('temporal-'))) {
    symlinkSync(join(bin, name), join(home, 'bin', name));
  }
}

/** By argument or by LONGHAUL_HOME in the environment. Linux; elsewhere nothing is found. */
function processesOf(home: string): string[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = readProc(pid, 'cmdline');
      return `${command} ${readProc(pid, 'environ')}`.includes(home) && command !== '' ? [command] : [];
    });
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** A job that runs until it is let go, and counts how often it was started. */
export interface HeldJob {
  readonly file: string;
  starts(): number;
  running(): Promise<void>;
  letGo(): void;
}

export const JOBS = join(__dirname, '../../fixtures/jobs');

export function createHeldJob(name: string): HeldJob {
  const folder = mkdtempSync(join(tmpdir(), 'lh-cli-job-'));
  heldJobs.push(folder);
  const starts = (): number =>
    existsSync(join(folder, 'starts'))
      ? readFileSync(join(folder, 'starts'), 'utf8').split('\n').length - 1
      : 0;
  return {
    file: writeTask(folder, name, [join(JOBS, 'wait_for_file.py'), folder]),
    starts,
    running: async () => {
      await waitUntil(`job ${name} to run`, () => starts() > 0 || undefined);
    },
    letGo: () => writeFileSync(join(folder, 'go'), ''),
  };
}

/** A task file that runs one of the jobs in `test/fixtures/jobs`. */
export function createJobFile(name: string, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'lh-cli-job-'));
  return writeTask(folder, name, [join(JOBS, script)]);
}

function writeTask(folder: string, name: string, [pythonFile = '', ...parameters]: string[]): string {
  const file = join(folder, 'task.yaml');
  const task = {
    type: 'databricks',
    name,
    spec: {
      tasks: [
        {
          task_key: 'job',
          existing_cluster_id: '1121-120000-test',
          spark_python_task: { python_file: pythonFile, parameters },
        },
      ],
    },
    policy: { pollMin: '1s', pollMax: '1s' },
  };
  writeFileSync(file, JSON.stringify(task));
  return file;
}
