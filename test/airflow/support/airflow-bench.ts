import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { TestWorkflowEnvironment } from '@temporalio/testing';

import type { TaskOutcome, TaskStatus } from '../../../src/client';
import type { JsonObject, JsonValue, TaskQueues } from '../../../src/connector';
import { AirflowConnector } from '../../../src/connectors/airflow';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../../src/simulator';
import type { HttpServer } from '../../support/http-server';
import { openTaskBench, type TaskBench } from '../../support/task-bench';
import type { RunningWorkers } from '../../../src/worker';
import { waitUntil } from '../../support/wait-until';
import { pythonOf, type AirflowMajor } from './environments';
import { startHttpSite } from './http-site';
import { startPythonWorker, type PythonWorker } from './python-worker';

const ROOT = join(__dirname, '../../..');
const OPERATORS = join(__dirname, '../operators');

/** Real Airflow of one major behind the unchanged workflow, with a simulated workspace and a site for it to talk to. */
export interface AirflowBench extends TaskBench {
  readonly major: AirflowMajor;
  readonly simulator: Simulator;
  readonly site: HttpServer;
  /** The workers' own credential for the simulated workspace. */
  readonly token: string;
  readonly temporalAddress: string;
  /** A new folder for the files of one task; removed with the bench. */
  folder(name?: string): string;
  begin(task: AirflowTask): Promise<string>;
  run(task: AirflowTask): Promise<TaskOutcome>;
  /** A Python worker in a process of its own, ready to serve. */
  spawnWorker(env?: Readonly<Record<string, string>>): Promise<PythonWorker>;
  /** Holds all files of the bench; the processes of its workers and of their children have it in their environment. */
  readonly scratch: string;
  /** Starts a task past the door, as somebody may who reaches Temporal by another way. */
  bypass(task: AirflowTask): Promise<string>;
}

export interface AirflowTask {
  readonly spec: JsonObject;
  readonly policy?: JsonObject;
  readonly inputs?: JsonValue;
  readonly project?: string;
}

export interface AirflowBenchOptions {
  readonly simulator?: SimulatorOptions;
  readonly secretsAllow?: readonly string[];
  /** Laid over the environment of the Python workers. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the server shared by all test files. */
  readonly temporalAddress?: string;
}

/** The real connector, on queues where no other test's tasks wait. */
class AirflowOfTest extends AirflowConnector {
  readonly #queues: TaskQueues;

  constructor(queues: TaskQueues) {
    super();
    this.#queues = queues;
  }

  override taskQueuesFor(): TaskQueues {
    return this.#queues;
  }
}

export async function openAirflowBench(
  major: AirflowMajor,
  options: AirflowBenchOptions = {},
): Promise<AirflowBench> {
  const { secretsAllow = [], env = {} } = options;
  const temporalAddress = options.temporalAddress ?? process.env['TEST_TEMPORAL_ADDRESS'] ?? '';
  const environment = await TestWorkflowEnvironment.createFromExistingServer({ address: temporalAddress });
  const token = `dapi${randomBytes(16).toString('hex')}`;
  const [simulator, site, python] = await Promise.all([
    startSimulator({ tokens: [token], ...options.simulator }),
    startHttpSite(),
    pythonOf(major),
  ]);
  const queue = `airflow${major}-${randomUUID()}`;
  const scratch = mkdtempSync(join(tmpdir(), `lh-airflow${major}-`));
  const taskQueues = { polls: queue, control: `${queue}:control` };
  const connectors = [new AirflowOfTest(taskQueues)];
  const bench = await openTaskBench({ connectors, environment, secretsAllow });
  const running: RunningWorkers[] = [];
  const workers: PythonWorker[] = [];
  const workerEnvironment = {
    ...{ LONGHAUL_HOME: join(scratch, 'home'), TEMPORAL_ADDRESS: temporalAddress },
    ...{ LONGHAUL_AIRFLOW_TASK_QUEUE: queue, LONGHAUL_AIRFLOW_ALLOW_FILE: writeAllowList(scratch) },
    ...{ LONGHAUL_SECRETS_ALLOW: secretsAllow.join(',') },
    PYTHONPATH: [join(ROOT, 'python/src'), OPERATORS].join(':'),
    ...connectionsTo({ simulator, site, token }),
    ...env,
  };
  const begin = async ({ spec, policy, inputs, project }: AirflowTask): Promise<string> => {
    const { id } = await bench.tasks.start({
      ...bench.request('airflow', spec, policy),
      ...(inputs === undefined ? {} : { inputs }),
      ...(project === undefined ? {} : { taskExecution: { project } }),
    });
    return id;
  };
  return {
    ...bench,
    ...{ major, simulator, site, token, temporalAddress, scratch, begin },
    startWorkers: async () => {
      const started = await bench.startWorkers();
      running.push(started);
      return started;
    },
    run: async (task) => bench.tasks.wait(await begin(task)),
    bypass: ({ spec, policy }) => {
      const routing = { ...taskQueues, fence: 'token', repair: false } as const;
      return bench.startWith(bench.request('airflow', spec, policy), { routing });
    },
    folder: (name = 'task') => {
      const folder = join(scratch, `${name}-${randomUUID().slice(0, 8)}`);
      mkdirSync(folder);
      return folder;
    },
    spawnWorker: async (more = {}) => {
      const worker = await startPythonWorker({ python, env: { ...workerEnvironment, ...more } });
      workers.push(worker);
      return worker;
    },
    close: async () => {
      for (const worker of workers) worker.kill();
      await Promise.all(workers.map(({ ended }) => ended));
      await Promise.all(running.map((each) => each.shutdown()));
      await environment.teardown(); // the runtime stays: the other major's bench may use it
      await Promise.all([simulator.close(), site.close()]);
      rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

interface Places {
  readonly simulator: Simulator;
  readonly site: HttpServer;
  readonly token: string;
}

function connectionsTo({ simulator, site, token }: Places): Record<string, string> {
  const local = { host: '127.0.0.1', schema: 'http' };
  const connections = {
    AIRFLOW_CONN_DATABRICKS_DEFAULT: {
      conn_type: 'databricks',
      ...local,
      port: simulator.port,
      password: token,
    },
    AIRFLOW_CONN_HTTP_DEFAULT: { conn_type: 'http', ...local, port: site.port },
    AIRFLOW_CONN_FS_DEFAULT: { conn_type: 'fs' },
    AIRFLOW_CONN_DEMO_DEFAULT: { conn_type: 'http', host: 'demo.example' },
  };
  return Object.fromEntries(
    Object.entries(connections).map(([name, connection]) => [name, JSON.stringify(connection)]),
  );
}

/** What the tests' tasks may name; the file is the worker's, as an operator writes it. */
function writeAllowList(folder: string): string {
  const file = join(folder, 'allow.toml');
  writeFileSync(file, ALLOW_LIST);
  return file;
}

const ALLOW_LIST = `
[default]
operators = ["airflow.providers.*", "airflow.operators.*", "airflow.sensors.*", "longhaul_demo.*"]
triggers = ["airflow.providers.*", "airflow.triggers.*", "longhaul_demo.triggers.*"]
hooks = ["longhaul_demo.hooks.DemoHook.greet", "longhaul_demo.hooks.DemoHook.wait"]
callables = ["longhaul_demo.callables:*"]
shell_operators = true

[projects.closed]
shell_operators = false
connections = ["http_default"]
`;

/** What is awaited takes as long as a busy machine needs for the segments before it. */
const AWAITED_WITHIN_MS = 120_000;

/** Waits until the task is as awaited; fails with how it stands, at once when it has ended otherwise. */
export async function untilTask(
  { tasks }: AirflowBench,
  id: string,
  accept: (status: TaskStatus) => boolean,
): Promise<TaskStatus> {
  const seen: { status?: TaskStatus } = {};
  const ask = async (): Promise<TaskStatus | undefined> => {
    const status = await tasks.get(id);
    seen.status = status;
    if (accept(status)) return status;
    if (status.state === 'OPEN') return undefined;
    throw new Error(`task ${id} has ended ${status.state}: ${status.message ?? ''}`);
  };
  try {
    return await waitUntil(`task ${id} to be as awaited`, ask, AWAITED_WITHIN_MS);
  } catch (error) {
    throw new Error(`task ${id} is not as awaited: ${JSON.stringify(seen.status)}`, { cause: error });
  }
}

/** Waits until the code of a task has written this file, and gives its lines. */
export function untilNoted(file: string, lines = 1): Promise<string[]> {
  return waitUntil(
    `${lines} lines in ${file}`,
    () => {
      const noted = notesOf(file);
      return noted.length >= lines ? noted : undefined;
    },
    AWAITED_WITHIN_MS,
  );
}

/** The lines a task's code has written; none when the file is not there. */
export function notesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

/** Lets a task go that waits in this folder. */
export function letGo(folder: string): void {
  writeFileSync(join(folder, 'go'), '');
}
