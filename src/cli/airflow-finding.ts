import { existsSync, readdirSync } from 'node:fs';

import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

import type { LonghaulConfig } from '../config/environment';
import type { Environment } from '../config/temporal-settings';
import { LonghaulError } from '../connector/errors';
import { AIRFLOW_MAJORS, airflowQueues, type AirflowMajor } from '../connectors/airflow';
import { findAirflowEnvironment } from '../worker';
import type { Finding } from './finding';

/** Asks Temporal, where it answers, whether anybody polls a task queue. */
export type HasPoller = (taskQueue: string) => Promise<boolean>;

/**
 * What Airflow tasks need on this machine: a Python, its environment, a worker. Only where somebody asked for Airflow:
 * by LONGHAUL_AIRFLOW, or by an environment that was made here.
 */
export async function checkAirflow(
  config: LonghaulConfig,
  env: Environment,
  hasPoller: HasPoller | undefined,
): Promise<Finding[]> {
  const isNamed = (env['LONGHAUL_AIRFLOW'] ?? '') !== '';
  const majors = AIRFLOW_MAJORS.filter(
    (major) => isMadeHere(config.home, major) || (isNamed && config.airflowMajor === major),
  );
  return Promise.all(majors.map((major) => checkMajor(major, { config, env, hasPoller })));
}

function isMadeHere(home: string, major: AirflowMajor): boolean {
  return existsSync(home) && readdirSync(home).some((name) => name.startsWith(`airflow${major}-`));
}

interface Surroundings {
  readonly config: LonghaulConfig;
  readonly env: Environment;
  readonly hasPoller: HasPoller | undefined;
}

async function checkMajor(major: AirflowMajor, { config, env, hasPoller }: Surroundings): Promise<Finding> {
  const check = `Airflow ${major}`;
  const queue = airflowQueues(
    major,
    major === config.airflowMajor ? config.airflowTaskQueue : undefined,
  ).polls;
  try {
    const made = await findAirflowEnvironment({ major, home: config.home, env });
    const served = hasPoller === undefined ? undefined : await hasPoller(queue);
    const environment =
      made === undefined
        ? 'its environment is made at the first start here'
        : `Python ${made.pythonVersion} in ${made.folder}`;
    return { check, ok: true, says: `${environment}; ${workerWords(queue, served)}` };
  } catch (error) {
    const { message, advice = 'Set LONGHAUL_AIRFLOW_PYTHON.' } = LonghaulError.from(error);
    return { check, ok: false, says: message, mend: advice };
  }
}

/** None may be wanted at this moment, so it is no fault. */
function workerWords(queue: string, served: boolean | undefined): string {
  if (served === undefined) return 'whether a worker runs cannot be seen without Temporal';
  return served ? `a worker polls ${queue}` : `no worker polls ${queue} now`;
}

const { TASK_QUEUE_TYPE_ACTIVITY } = temporal.api.enums.v1.TaskQueueType;

/** One look at a task queue of Temporal. */
export function pollersAt(client: Client, namespace: string): HasPoller {
  return async (taskQueue) => {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
    });
    return pollers.length > 0;
  };
}
