import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { LonghaulConfig } from '../config/environment';
import { openEngineSealing } from '../config/sealing-keys';
import type { Environment } from '../config/temporal-settings';
import { TASK_WORKFLOW_TYPE } from '../connector/task-names';
import type { Workspace } from '../connectors/databricks';
import { startSimulator, type Simulator } from '../simulator';
import { connectClient } from '../temporal/connection';
import {
  runEngineHost,
  type EngineContext,
  type EngineEnd,
  type EngineService,
} from '../temporal/engine/engine-host';
import type { EngineInfo } from '../temporal/engine/engine-file';
import { openTelemetry } from '../telemetry';
import { findTemporalBinary } from '../temporal/temporal-binary';
import { connectWorker } from '../temporal/worker-connection';
import { createSecretPort, startWorkers, type AirflowEnvironment, type SimulatedWorkspace } from '../worker';
import { startAirflowService } from './airflow-service';
import { createConnectorSet } from './registry';
import {
  readSimulatorAccess,
  SIMULATED_WORKSPACE,
  simulatorFolder,
  writeSimulatorAccess,
} from './simulator-access';

export interface EmbeddedEngineOptions {
  readonly config: LonghaulConfig;
  readonly env: Environment;
  readonly report: (message: string) => void;
  readonly endWhenIdle: boolean;
  readonly onServing?: (info: EngineInfo) => void;
  /** With an Airflow worker in this environment. */
  readonly airflow?: AirflowEnvironment;
}

/** Embedded mode: Temporal's dev server, the simulated workspace and a worker in one process. */
export async function runEmbeddedEngine(options: EmbeddedEngineOptions): Promise<EngineEnd> {
  const { config, env, report } = options;
  const binary = await findTemporalBinary({ env, home: config.home, report });
  return runEngineHost({
    config,
    binary,
    report,
    endWhenIdle: options.endWhenIdle,
    openTasks: countOpenTasks,
    startServices: (context) => startServices(context, options),
    ...(options.onServing === undefined ? {} : { onServing: options.onServing }),
  });
}

async function startServices(
  context: EngineContext,
  options: EmbeddedEngineOptions,
): Promise<EngineService[]> {
  const simulator = await startEngineSimulator(context.home);
  const { url, close } = simulator.simulator;
  const airflow = await startAirflow(context, options, { url, token: simulator.token });
  const worker = await startEngineWorker(context, options, toWorkspace(simulator));
  return [{ close, describe: () => ({ workspaceUrl: url }) }, ...airflow, worker];
}

async function startAirflow(
  context: EngineContext,
  { config, env, report, airflow }: EmbeddedEngineOptions,
  workspace: SimulatedWorkspace,
): Promise<EngineService[]> {
  if (airflow === undefined) return [];
  return [await startAirflowService(context, { config, env, report, environment: airflow, workspace })];
}

interface EngineSimulator {
  readonly simulator: Simulator;
  readonly token: string;
}

function toWorkspace({ simulator, token }: EngineSimulator): Workspace {
  return { name: SIMULATED_WORKSPACE, host: simulator.url, auth: { kind: 'pat', token } };
}

async function startEngineSimulator(home: string): Promise<EngineSimulator> {
  const folder = simulatorFolder(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const saved = readSimulatorAccess(home);
  const token = saved?.token ?? randomBytes(24).toString('base64url');
  const common = { tokens: [token], stateFile: join(folder, 'state.json') };
  const simulator = await startSimulator({ ...common, ...(saved === undefined ? {} : { port: saved.port }) });
  writeSimulatorAccess(home, { port: simulator.port, token });
  return { simulator, token };
}

async function startEngineWorker(
  context: EngineContext,
  { config, env, report }: EmbeddedEngineOptions,
  workspace: Workspace,
): Promise<EngineService> {
  const telemetry = await openTelemetry({ env, serviceName: 'longhaul-engine', report });
  const connectors = createConnectorSet(env, { extra: [workspace] });
  const connection = await connectWorker(context.temporalAddress);
  const temporal = await connectClient(context.temporalAddress, {
    interceptors: telemetry.clientInterceptors,
  });
  const { registry } = connectors;
  const sealing = openEngineSealing(config);
  const allowed = config.embeddedSecretsAllow;
  const secrets = createSecretPort({ ...connectors.secrets, env, allowed, sealing });
  const { workflowTaskQueue } = config;
  const workers = await startWorkers({
    connection,
    client: temporal.client,
    namespace: temporal.namespace,
    registry,
    secrets,
    workflowTaskQueue,
    interceptors: telemetry.workerInterceptors,
  });
  return {
    describe: () => ({ taskQueues: workers.taskQueues, workspaces: connectors.workspaceNames }),
    ended: workers.done,
    close: async () => {
      await workers.shutdown();
      await Promise.all([
        connection.close(),
        temporal.connection.close(),
        connectors.close(),
        telemetry.close(),
      ]);
    },
  };
}

/** The engine stays as long as one task is open. */
async function countOpenTasks({ temporalAddress }: EngineContext): Promise<number> {
  const { client, connection } = await connectClient(temporalAddress);
  try {
    const query = `WorkflowType = '${TASK_WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'`;
    return (await client.workflow.count(query)).count;
  } finally {
    await connection.close();
  }
}
