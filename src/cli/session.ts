import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { ReconcileClient, TaskClient } from '../client';
import { withAbsolutePaths } from '../config/absolute-paths';
import { parseEnvironment, type LonghaulConfig } from '../config/environment';
import type { Environment } from '../config/temporal-settings';
import { LonghaulError } from '../connector/errors';
import { connectClient, type TemporalClient } from '../temporal/connection';
import {
  engineLogFile,
  engineStatus,
  joinOrStartEngine,
  type JoinedEngine,
} from '../temporal/engine/engine-client';
import { spawnDetached, type SpawnedEngine } from '../temporal/engine/engine-spawn';
import { openTelemetry, type Telemetry } from '../telemetry';
import { missingSearchAttributes } from '../temporal/search-attributes';
import { engineWithAirflow } from './airflow-hint';
import type { Output } from './output';
import { createConnectorSet } from './registry';

/** A command's way to Temporal: the configured one, or the engine of the data folder. */
export interface Session {
  readonly tasks: TaskClient;
  readonly reconciler: ReconcileClient;
  /** Where a task's page is; absent when nobody said where the Temporal UI runs. */
  taskUrl(id: string): string | undefined;
  /** Only with the engine: its presence. */
  readonly engine?: JoinedEngine;
  close(): Promise<void>;
}

/** `start` starts an engine when none runs; `join` does not: there is nothing to see without one. */
export type EngineUse = 'start' | 'join';

export interface SessionOptions {
  readonly env: Environment;
  readonly engine: EngineUse;
  readonly output: Output;
}

export async function openSession(options: SessionOptions): Promise<Session> {
  const config = parseEnvironment(options.env);
  return config.temporal.configured ? openConfigured(config, options) : openEmbedded(config, options);
}

/** A command that needs Temporal: opens the session, closes it whatever happens. */
export async function withSession(
  output: Output,
  engine: EngineUse,
  act: (session: Session) => Promise<number>,
): Promise<number> {
  const session = await openSession({ env: process.env, engine, output });
  try {
    return await act(session);
  } finally {
    await session.close();
  }
}

/** A command may open sessions one after the other; its traces are one process's. */
let commandTelemetry: Promise<Telemetry> | undefined;

function telemetryOf({ env, output }: SessionOptions): Promise<Telemetry> {
  commandTelemetry ??= openTelemetry({ env, serviceName: 'longhaul', report: output.note });
  return commandTelemetry;
}

async function openConfigured(config: LonghaulConfig, options: SessionOptions): Promise<Session> {
  const { env } = options;
  const telemetry = await telemetryOf(options);
  const temporal = await connectClient(config.temporal, { interceptors: telemetry.clientInterceptors });
  const uiUrl = env['LONGHAUL_TEMPORAL_UI_URL'];
  const { secretsAllow } = config;
  return toSession({
    config,
    temporal,
    telemetry,
    env,
    secretsAllow,
    ...(uiUrl === undefined ? {} : { uiUrl }),
  });
}

async function openEmbedded(config: LonghaulConfig, options: SessionOptions): Promise<Session> {
  await assertSomethingToJoin(config, options);
  const { env } = options;
  const telemetry = await telemetryOf(options);
  const engine = await joinOwnEngine({ ...options, config });
  const { temporalAddress, uiUrl } = engine.info;
  const temporal = await connectClient(temporalAddress, { interceptors: telemetry.clientInterceptors });
  const secretsAllow = config.embeddedSecretsAllow;
  return toSession({ config, temporal, telemetry, env, secretsAllow, uiUrl, engine });
}

/** The engine of the data folder, started when none runs; it stays as long as this presence is not closed. */
export function joinOwnEngine({
  config,
  env,
  output,
}: Pick<SessionOptions, 'env' | 'output'> & { readonly config: LonghaulConfig }): Promise<JoinedEngine> {
  return joinOrStartEngine({
    config,
    report: output.step,
    onLogLine: (line) => output.note(output.notePaint('quiet', line)),
    spawnEngine: () => Promise.resolve(spawnEngine(config, env)),
  });
}

/** Open tasks of a killed engine go on as soon as somebody asks for them: only an empty folder has nothing to join. */
async function assertSomethingToJoin(config: LonghaulConfig, { engine }: SessionOptions): Promise<void> {
  if (engine === 'start' || existsSync(join(config.home, 'temporal.db'))) return;
  if ((await engineStatus(config)) !== undefined) return;
  throw new LonghaulError(
    'NOT_FOUND',
    `There is no task yet: no Temporal is configured, and no engine was ever started in ${config.home}.`,
    { advice: 'Start a task with longhaul run FILE, or set TEMPORAL_ADDRESS.' },
  );
}

/** The engine lives in another folder. */
function spawnEngine(config: LonghaulConfig, env: Environment): SpawnedEngine {
  return spawnDetached({
    command: process.execPath,
    args: [join(__dirname, 'cli.js'), 'engine'],
    env: { ...withAbsolutePaths(env, process.cwd()), LONGHAUL_HOME: config.home },
    logFile: engineLogFile(config),
  });
}

interface SessionParts {
  readonly config: LonghaulConfig;
  readonly temporal: TemporalClient;
  readonly telemetry: Telemetry;
  readonly env: Environment;
  readonly secretsAllow: readonly string[];
  readonly uiUrl?: string;
  readonly engine?: JoinedEngine;
}

async function toSession(parts: SessionParts): Promise<Session> {
  const { config, temporal, telemetry, engine, uiUrl, secretsAllow } = parts;
  const connectors = createConnectorSet(
    parts.env,
    engine === undefined ? {} : { airflowWorker: engineWithAirflow },
  );
  const { client, namespace, connection } = temporal;
  const { workflowTaskQueue } = config;
  const { registry } = connectors;
  const close = async (): Promise<void> => {
    engine?.close();
    await Promise.all([connection.close(), connectors.close(), telemetry.flush()]);
  };
  try {
    const searchAttributes = (await missingSearchAttributes(connection, namespace)).length === 0;
    return {
      tasks: new TaskClient({
        client,
        namespace,
        registry,
        workflowTaskQueue,
        secretsAllow,
        searchAttributes,
      }),
      reconciler: new ReconcileClient({ client, workflowTaskQueue }),
      taskUrl: (id) => (uiUrl === undefined ? undefined : toTaskUrl(uiUrl, namespace, id)),
      ...(engine === undefined ? {} : { engine }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A task's page in the Temporal UI. */
export function toTaskUrl(uiUrl: string, namespace: string, id: string): string {
  return `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
}
