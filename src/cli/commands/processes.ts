import { parseEnvironment, type LonghaulConfig } from '../../config/environment';
import { loadSealing } from '../../config/sealing-keys';
import { LonghaulError } from '../../connector/errors';
import type { AirflowMajor } from '../../connectors/airflow';
import { engineStatus, stopEngine } from '../../temporal/engine/engine-client';
import type { EngineInfo } from '../../temporal/engine/engine-file';
import { connectClient } from '../../temporal/connection';
import { connectWorker } from '../../temporal/worker-connection';
import { openTelemetry } from '../../telemetry';
import {
  createSecretPort,
  openAirflowEnvironment,
  startWorkers,
  type AirflowEnvironment,
} from '../../worker';
import { runCommand, type CommonOptions } from '../command';
import { runEmbeddedEngine } from '../embedded-engine';
import { toCount, toTable } from '../format';
import type { Output } from '../output';
import { createConnectorSet } from '../registry';
import { installRuntimeLogger } from '../runtime-logger';
import { runAirflowWorker } from './airflow-worker';

/** Temporal's native runtime, once loaded, keeps the process and its signals. */
function endNow(): void {
  process.exit();
}

type MajorOption = '2' | '3';

function majorOf(option: MajorOption): AirflowMajor {
  return option === '2' ? 2 : 3;
}

export interface WorkerOptions extends CommonOptions {
  /** Serve this major of Airflow, and nothing else. */
  readonly airflow?: MajorOption;
  readonly allowShellOperators?: boolean;
  readonly metricsPort?: number;
  readonly metricsHost: string;
}

/** The worker of a real installation: serves task workflows and every connector until SIGTERM. */
export function worker(options: WorkerOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const { airflow, allowShellOperators = false } = options;
    if (airflow !== undefined) {
      return runAirflowWorker({ major: majorOf(airflow), allowShellOperators }, output);
    }
    if (!allowShellOperators) return serveConnectors(options, output);
    throw new LonghaulError('CONFIG', '--allow-shell-operators goes with --airflow only.');
  }).then(endNow);
}

async function serveConnectors({ metricsPort, metricsHost }: WorkerOptions, output: Output): Promise<number> {
  const config = parseEnvironment(process.env);
  installRuntimeLogger(
    config.logLevel,
    metricsPort === undefined ? undefined : `${metricsHost}:${metricsPort}`,
  );
  const telemetry = await openTelemetry({
    env: process.env,
    serviceName: 'longhaul-worker',
    report: output.note,
  });
  const connectors = createConnectorSet(process.env);
  const sealing = loadSealing(config);
  const [temporal, connection] = [
    await connectClient(config.temporal, { interceptors: telemetry.clientInterceptors }),
    await connectWorker(config.temporal),
  ];
  const { registry } = connectors;
  const { client, namespace } = temporal;
  const allowed = config.secretsAllow;
  const secrets = createSecretPort({ ...connectors.secrets, env: process.env, allowed, sealing });
  const { workflowTaskQueue } = config;
  const workers = await startWorkers({
    connection,
    client,
    namespace,
    registry,
    secrets,
    workflowTaskQueue,
    interceptors: telemetry.workerInterceptors,
  });
  const { taskQueues } = workers;
  const { address } = config.temporal;
  output.result(
    `The worker serves ${taskQueues.join(', ')} of ${namespace} at ${address}. Ctrl-C ends it in order.`,
    { namespace, address, taskQueues },
  );
  await workers.done;
  await Promise.all([connection.close(), temporal.connection.close(), connectors.close(), telemetry.close()]);
  output.note('The worker has stopped; what it was doing is taken up by the next one.');
  return 0;
}

/** The engine as a background process; started by `run`, never by hand. */
export function engine(): Promise<void> {
  return runCommand({ output: 'human' }, async (output) => {
    const config = parseEnvironment(process.env);
    installRuntimeLogger('warn');
    const report = (message: string): void => {
      output.note(`${new Date().toISOString()} ${message}`);
    };
    await runEmbeddedEngine({ config, env: process.env, report, endWhenIdle: true });
    return 0;
  }).then(endNow);
}

export interface DevOptions extends CommonOptions {
  readonly status?: boolean;
  readonly stop?: boolean;
  /** With an Airflow worker; `true` for the usual major. */
  readonly airflow?: MajorOption | true;
}

/** The engine in the foreground, with its addresses. */
export function dev(options: DevOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const config = parseEnvironment(process.env);
    if (options.status === true) return showStatus(output, config);
    if (options.stop === true) return stop(output, config);
    installRuntimeLogger(config.logLevel === 'info' ? 'warn' : config.logLevel);
    const airflow = await prepareAirflow(options, config, output);
    const end = await runEmbeddedEngine({
      config,
      env: process.env,
      report: output.note,
      endWhenIdle: false,
      ...(airflow === undefined ? {} : { airflow }),
      onServing: (info) => {
        output.result(
          `${describeEngine(info)}\nCtrl-C ends it in order; open tasks go on at the next start.`,
          info,
        );
      },
    });
    if (end.kind !== 'alreadyRunning') return 0;
    output.note('The engine of this folder runs already, in the background; longhaul dev --stop ends it.');
    return showStatus(output, config);
  }).then(endNow);
}

/** Before the engine is there, so that nobody waits for one that waits for a minute; not where it runs already. */
async function prepareAirflow(
  { airflow }: DevOptions,
  config: LonghaulConfig,
  output: Output,
): Promise<AirflowEnvironment | undefined> {
  if (airflow === undefined || (await engineStatus(config)) !== undefined) return undefined;
  const major = airflow === true ? config.airflowMajor : majorOf(airflow);
  return openAirflowEnvironment({ major, home: config.home, env: process.env, report: output.note });
}

async function showStatus(output: Output, config: { readonly home: string }): Promise<number> {
  const status = await engineStatus(config);
  if (status === undefined) {
    output.result('No engine runs.', { running: false });
    return 0;
  }
  const { state, clients, openTasks } = status;
  const info = state.state === 'serving' ? describeEngine(state.info) : `The engine is ${state.state}.`;
  const tasks =
    openTasks === null ? 'nobody can say how many tasks are open' : toCount(openTasks, 'open task');
  output.result(`${info}\n${toCount(clients, 'client')}, ${tasks}`, { running: true, ...status });
  return 0;
}

async function stop(output: Output, config: { readonly home: string }): Promise<number> {
  const words = await stopEngine(config);
  output.result(words ?? 'No engine runs.', { stopped: words !== undefined });
  return 0;
}

function airflowOf({ services }: EngineInfo): number[] {
  return services.flatMap(({ airflow }) => (typeof airflow === 'number' ? [airflow] : []));
}

function describeEngine(info: EngineInfo): string {
  return toTable([
    ['Temporal', info.temporalAddress],
    ['Temporal UI', info.uiUrl],
    ...(info.workspaceUrl === undefined ? [] : [['simulated workspace', info.workspaceUrl]]),
    ...airflowOf(info).map((major) => ['Airflow', `${major}, shell-like operators are on`]),
    ['process', String(info.pid)],
    [
      'versions',
      `longhaul ${info.versions.longhaul}, Temporal CLI ${info.versions.temporal}, server ${info.versions.temporalServer}`,
    ],
  ]);
}
