import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

import { waitFor } from '../../src/temporal/wait';
import { CLI, PYTHON_SOURCES, START_LIMIT_MS } from './places';
import { createProgram, type Program } from './programs';
import { findAirflowPython } from './python';
import type { BenchWorkspace } from './workspace';

export interface Surroundings {
  readonly folder: string;
  readonly address: string;
  readonly client: Client;
  readonly workspace: BenchWorkspace;
}

const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = temporal.api.enums.v1.TaskQueueType;

/** `longhaul worker`: the workflows. */
export function createTaskWorker({ folder, address, client }: Surroundings): Program {
  return createProgram({
    name: 'task-worker',
    command: process.execPath,
    args: [CLI, 'worker'],
    env: { TEMPORAL_ADDRESS: address, LONGHAUL_LOG_LEVEL: 'warn' },
    folder,
    untilReady: createQueueWatch(client, 'longhaul', TASK_QUEUE_TYPE_WORKFLOW),
  });
}

/** The worker of Airflow 3, with the slots it has by default. */
export async function createPythonWorker(surroundings: Surroundings): Promise<Program> {
  const { folder, address, client, workspace } = surroundings;
  const home = join(folder, 'airflow-home');
  mkdirSync(home);
  return createProgram({
    name: 'airflow-worker',
    command: await findAirflowPython(),
    args: ['-m', 'longhaul_airflow', 'worker'],
    env: {
      TEMPORAL_ADDRESS: address,
      PYTHONPATH: PYTHON_SOURCES,
      AIRFLOW_HOME: home,
      LONGHAUL_HOME: home,
      ...workspace.connections,
    },
    folder,
    untilReady: createQueueWatch(client, 'airflow3:triggers', TASK_QUEUE_TYPE_ACTIVITY),
  });
}

/** Settles when somebody asks for tasks of this queue who did not before: the pollers of a killed worker are still listed. */
function createQueueWatch(
  client: Client,
  name: string,
  taskQueueType: temporal.api.enums.v1.TaskQueueType,
): () => Promise<void> {
  let known: ReadonlySet<string> = new Set();
  return async () => {
    known = await waitFor(
      async () => {
        const now = await listPollers(client, name, taskQueueType).catch(() => known);
        return [...now].some((identity) => !known.has(identity)) ? now : undefined;
      },
      { what: `a worker of ${name}`, limitMs: START_LIMIT_MS },
    );
  };
}

async function listPollers(
  client: Client,
  name: string,
  taskQueueType: temporal.api.enums.v1.TaskQueueType,
): Promise<Set<string>> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: 'default',
    taskQueue: { name },
    taskQueueType,
  });
  return new Set(pollers.map(({ identity }) => identity ?? ''));
}
