import { engineKeysFile, openEngineSealing } from '../config/sealing-keys';
import type { LonghaulConfig } from '../config/environment';
import type { Environment } from '../config/temporal-settings';
import { airflowQueues } from '../connectors/airflow';
import type { EngineContext, EngineService } from '../temporal/engine/engine-host';
import { superviseServer } from '../temporal/engine/supervised-server';
import {
  airflowWorkerVariables,
  simulatedConnections,
  startAirflowProcess,
  withoutTemporalProfile,
  type AirflowEnvironment,
  type SimulatedWorkspace,
} from '../worker';

/** What the worker may take to hand over its work when the engine ends: nobody likes to wait for Ctrl-C. */
const SHUTDOWN_GRACE_SECONDS = '10';
const STOP_LIMIT_MS = 25_000;

export interface AirflowServiceOptions {
  readonly config: LonghaulConfig;
  readonly env: Environment;
  readonly environment: AirflowEnvironment;
  readonly workspace: SimulatedWorkspace;
  readonly report: (message: string) => void;
}

/**
 * The Airflow worker of an engine: it dies with the engine, is started again when it ends unasked, and takes the engine
 * along when it cannot be kept up. Operators that run what a task says are on: operator and user are one person here.
 */
export async function startAirflowService(
  context: EngineContext,
  options: AirflowServiceOptions,
): Promise<EngineService> {
  const { environment, report, config } = options;
  const { major, pythonVersion, python } = environment;
  report(`Starting the Airflow ${major} worker …`);
  const supervised = superviseServer({
    what: 'The Airflow worker',
    report,
    start: (signal) =>
      startAirflowProcess({
        environment,
        env: variablesFor(context, options),
        args: ['--airflow', String(major), '--allow-shell-operators'],
        onLine: (line) => {
          if (config.logLevel === 'debug' || !isRoutine(line)) report(`airflow: ${line}`);
        },
        stopLimitMs: STOP_LIMIT_MS,
        signal,
      }),
  });
  await supervised.ready;
  const taskQueues = Object.values(airflowQueues(major));
  return {
    describe: () => ({ airflow: major, python: `${pythonVersion} (${python})`, taskQueues }),
    ended: supervised.gaveUp,
    close: supervised.stop,
  };
}

/** Airflow says much on its way, and of other people's code that it will change one day; tasks have logs of their own. */
function isRoutine(line: string): boolean {
  return /\[(info|debug) *\]| (INFO|DEBUG) |category=\w*Deprecat|^The worker serves /.test(line);
}

function variablesFor(
  { temporalAddress, namespace }: EngineContext,
  { config, env, workspace }: AirflowServiceOptions,
): Environment {
  // The same key as the engine's own worker has; its first use makes it.
  openEngineSealing(config).digest({});
  return {
    LONGHAUL_AIRFLOW_SHUTDOWN_GRACE: SHUTDOWN_GRACE_SECONDS,
    ...simulatedConnections(workspace),
    ...airflowWorkerVariables({
      env: withoutTemporalProfile(env),
      home: config.home,
      temporal: { address: temporalAddress, namespace },
      secretsAllow: config.embeddedSecretsAllow,
      sealingKeysFile: config.sealingKeysFile ?? engineKeysFile(config),
    }),
  };
}
