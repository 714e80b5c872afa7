import { parseEnvironment, type LonghaulConfig } from '../../config/environment';
import type { Environment } from '../../config/temporal-settings';
import { LonghaulError } from '../../connector/errors';
import type { AirflowMajor } from '../../connectors/airflow';
import { listenForStop } from '../../temporal/engine/stop-requests';
import {
  airflowWorkerVariables,
  openAirflowEnvironment,
  startAirflowProcess,
  type AirflowProcess,
} from '../../worker';
import type { Output } from '../output';

export interface AirflowWorkerOptions {
  readonly major: AirflowMajor;
  readonly allowShellOperators: boolean;
}

/** As the Python worker reads it; a little longer, so that it is never cut short. */
const DEFAULT_GRACE_SECONDS = 60;
const MARGIN_MS = 15_000;

/**
 * The Airflow worker of one major, and nothing else: operators are other people's code, so they get a process, a user
 * and secrets of their own. Runs until SIGTERM; ends with an error when the worker ends unasked.
 */
export async function runAirflowWorker(options: AirflowWorkerOptions, output: Output): Promise<number> {
  const env = process.env;
  const config = parseEnvironment(env);
  const { major, allowShellOperators } = options;
  const environment = await openAirflowEnvironment({ major, home: config.home, env, report: output.note });
  const stop = listenForStop();
  try {
    const worker = await startAirflowProcess({
      environment,
      env: variablesOf(config, env),
      args: ['--airflow', String(major), ...(allowShellOperators ? ['--allow-shell-operators'] : [])],
      onLine: (line) => {
        if (!line.startsWith('The worker serves')) output.note(line); // that is the result
      },
      stopLimitMs: stopLimitMs(env),
    });
    const { address, namespace } = config.temporal;
    output.result(worker.ready, {
      major,
      address,
      namespace,
      says: worker.ready,
    });
    return await untilEnd(worker, stop.requested, output);
  } finally {
    stop.close();
  }
}

function variablesOf(config: LonghaulConfig, env: Environment): Environment {
  const { home, temporal, secretsAllow, sealingKeysFile } = config;
  return airflowWorkerVariables({ env, home, temporal, secretsAllow, sealingKeysFile });
}

function stopLimitMs(env: Environment): number {
  const seconds = Number(env['LONGHAUL_AIRFLOW_SHUTDOWN_GRACE'] ?? '');
  return (seconds > 0 ? seconds : DEFAULT_GRACE_SECONDS) * 1000 + MARGIN_MS;
}

async function untilEnd(worker: AirflowProcess, stopped: Promise<void>, output: Output): Promise<number> {
  const end = await Promise.race([stopped, worker.ended]);
  if (end !== undefined) {
    const how = end.signal ?? `code ${end.code}`;
    throw new LonghaulError('UNAVAILABLE', `The Airflow worker ended unasked (${how}).`, {
      advice: 'Its last words stand above. Its tasks wait for the next worker.',
    });
  }
  output.note('The Airflow worker takes leave …');
  await worker.stop();
  output.note('The Airflow worker has stopped; what it was doing is taken up by the next one.');
  return 0;
}
