import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { TaskClient } from '../client';
import { parseEnvironment, type LonghaulConfig } from '../config/environment';
import type { Environment } from '../config/temporal-settings';
import { connectClient, type TemporalClient } from '../temporal/connection';
import {
  engineLogFile,
  engineStatus,
  joinOrStartEngine,
  type JoinedEngine,
} from '../temporal/engine/engine-client';
import { spawnDetached } from '../temporal/engine/engine-spawn';
import { missingSearchAttributes } from '../temporal/search-attributes';
import { LonghaulError } from '../connector/errors';
import { SIMULATED_WORKSPACE } from './embedded-engine';
import { createConnectorSet } from './registry';

/** A command's way to Temporal: the configured one, or the engine of the data folder. */
export interface Session {
  readonly config: LonghaulConfig;
  readonly tasks: TaskClient;
  readonly temporal: TemporalClient;
  /** Where a task's page is; absent when nobody said where the Temporal UI runs. */
  taskUrl(id: string): string | undefined;
  /** Workspace of tasks that name none: the simulated one, where no other is configured. */
  readonly defaultWorkspace: string | undefined;
  /** Only with the engine: its presence. */
  readonly engine?: JoinedEngine;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly env: Environment;
  /** `start` starts an engine when none runs; `join` does not: there is nothing to see without one. */
  readonly engine: 'start' | 'join';
  readonly report: (message: string) => void;
}

export async function openSession(options: SessionOptions): Promise<Session> {
  const config = parseEnvironment(options.env);
  return config.temporal.configured ? openConfigured(config, options) : openEmbedded(config, options);
}

async function openConfigured(config: LonghaulConfig, { env }: SessionOptions): Promise<Session> {
  const temporal = await connectClient(config.temporal);
  const uiUrl = env['LONGHAUL_TEMPORAL_UI_URL'];
  return toSession({
    config,
    temporal,
    env,
    secretsAllow: config.secretsAllow,
    ...(uiUrl === undefined ? {} : { uiUrl }),
  });
}

async function openEmbedded(config: LonghaulConfig, options: SessionOptions): Promise<Session> {
  await assertReachable(config, options);
  const engine = await joinOrStartEngine({
    config,
    report: options.report,
    spawnEngine: () => spawnEngine(config, options.env),
  });
  const { temporalAddress, uiUrl } = engine.info;
  const temporal = await connectClient(temporalAddress);
  return toSession({
    config,
    temporal,
    env: options.env,
    secretsAllow: config.embeddedSecretsAllow,
    uiUrl,
    engine,
  });
}

/** Open tasks of a killed engine go on as soon as somebody asks for them: only an empty folder has nothing to join. */
async function assertReachable(config: LonghaulConfig, { engine }: SessionOptions): Promise<void> {
  if (
    engine === 'start' ||
    (await engineStatus(config)) !== undefined ||
    existsSync(join(config.home, 'temporal.db'))
  ) {
    return;
  }
  throw new LonghaulError(
    'NOT_FOUND',
    'There is no task yet: no Temporal is configured and no engine was ever started here.',
    {
      advice: 'Start a task with longhaul run FILE, or set TEMPORAL_ADDRESS.',
    },
  );
}

function spawnEngine(config: LonghaulConfig, env: Environment): Promise<ReturnType<typeof spawnDetached>> {
  const cli = process.argv[1] ?? '';
  return Promise.resolve(
    spawnDetached({
      command: process.execPath,
      args: [cli, 'engine'],
      env: { ...env },
      logFile: engineLogFile(config),
    }),
  );
}

interface SessionParts {
  readonly config: LonghaulConfig;
  readonly temporal: TemporalClient;
  readonly env: Environment;
  readonly secretsAllow: readonly string[];
  readonly uiUrl?: string;
  readonly engine?: JoinedEngine;
}

async function toSession(parts: SessionParts): Promise<Session> {
  const { config, temporal, engine, uiUrl, secretsAllow } = parts;
  const connectors = createConnectorSet(parts.env);
  const { client, namespace, connection } = temporal;
  const missing = await missingSearchAttributes(connection, namespace);
  const { workflowTaskQueue } = config;
  const searchAttributes = missing.length === 0;
  const { registry } = connectors;
  return {
    config,
    temporal,
    tasks: new TaskClient({ client, namespace, registry, workflowTaskQueue, secretsAllow, searchAttributes }),
    taskUrl: (id) => (uiUrl === undefined ? undefined : toTaskUrl(uiUrl, namespace, id)),
    defaultWorkspace:
      engine !== undefined && connectors.operatorSecrets.length === 0 ? SIMULATED_WORKSPACE : undefined,
    ...(engine === undefined ? {} : { engine }),
    close: async () => {
      engine?.close();
      await Promise.all([connection.close(), connectors.close()]);
    },
  };
}

function toTaskUrl(uiUrl: string, namespace: string, id: string): string {
  return `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
}
