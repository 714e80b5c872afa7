import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isJsonObject, type JsonObject } from '../../../src/connector';

const FIXTURES = join(__dirname, '../../fixtures/flyte');

export type FlyteVersion = 'v1' | 'v2';

/** Who a job is, as the engine says it. Everything has a default; the name is a new one for each call. */
export interface FlyteExecution {
  readonly name?: string;
  readonly project?: string;
  readonly domain?: string;
  readonly org?: string;
  /** Of the node; in Flyte 2 the action. Default `n0`. */
  readonly nodeId?: string;
  readonly taskName?: string;
  /** `retry_attempt`: 0 is the first, and the default. */
  readonly attempt?: number;
  readonly namespace?: string;
}

export interface FlyteCreate {
  /** A fixture, such as `v1-databricksv2-new-cluster`, or a whole `TaskTemplate` as proto JSON. */
  readonly template?: string | JsonObject;
  /** Laid over the template's `custom`, and over `databricksConf` in it, one level deep. */
  readonly custom?: JsonObject;
  readonly databricksConf?: JsonObject;
  /** Flyte 1: begin from the very bytes of Flyte's engine (`request-v1-create.bin`), instead of a `template`. */
  readonly engineBytes?: boolean;
  readonly execution?: FlyteExecution;
  readonly outputPrefix?: string;
  /** Proto JSON: a `LiteralMap` for Flyte 1, a `task.Inputs` for Flyte 2. */
  readonly inputs?: JsonObject;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The execution's `environment_variables`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Flyte 2: the resolved secrets of `connection`, such as `databricks_token`. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly configs?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A `CreateTaskRequest` as proto JSON, perhaps laid over the engine's own bytes. */
export interface BuiltCreate {
  readonly request: JsonObject;
  readonly bytes?: string;
}

function readFlyteFixture(name: string): JsonObject {
  const parsed: unknown = JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));
  if (isJsonObject(parsed)) return parsed;
  throw new Error(`${name} holds no object`);
}

export function buildCreate(version: FlyteVersion, options: FlyteCreate): BuiltCreate {
  const execution = { name: `f${randomUUID().replaceAll('-', '').slice(0, 19)}`, ...options.execution };
  const { engineBytes = false, inputs } = options;
  return {
    request: {
      template: templateOf(options),
      outputPrefix: outputPrefixOf(options, execution),
      taskExecutionMetadata: metadataOf(options, execution),
      ...(inputs === undefined ? {} : { inputs }),
      ...(version === 'v2' ? connectionOf(options) : {}),
    },
    ...(engineBytes
      ? { bytes: readFileSync(join(FIXTURES, 'request-v1-create.bin')).toString('base64') }
      : {}),
  };
}

function outputPrefixOf({ outputPrefix }: FlyteCreate, execution: FlyteExecution): string {
  const { name = '', nodeId = 'n0', attempt = 0 } = execution;
  return outputPrefix ?? `s3://example/metadata/${name}/${nodeId}/data/${attempt}`;
}

/** Over the engine's bytes only what changes is laid: lists would grow. */
function templateOf(options: FlyteCreate): JsonObject {
  const { template: given, engineBytes = false, databricksConf } = options;
  const template = engineBytes
    ? objectAt(readFlyteFixture('request-v1-create'), 'template')
    : readTemplate(given);
  const own = objectAt(template, 'custom');
  const conf = own['databricksConf'];
  const custom = {
    ...own,
    ...options.custom,
    ...(isJsonObject(conf) ? { databricksConf: { ...conf, ...databricksConf } } : {}),
  };
  return engineBytes ? { custom } : { ...template, custom };
}

function readTemplate(template: FlyteCreate['template']): JsonObject {
  if (template === undefined) throw new Error('a create needs a template, or engineBytes');
  return typeof template === 'string' ? readFlyteFixture(`template-${template}`) : template;
}

function metadataOf(options: FlyteCreate, execution: FlyteExecution): JsonObject {
  const { project = 'flytesnacks', domain = 'development' } = execution;
  return {
    taskExecutionId: executionIdOf(execution),
    namespace: execution.namespace ?? `${project}-${domain}`,
    labels: { project, domain, 'execution-id': execution.name ?? '', ...options.labels },
    annotations: { ...options.annotations },
    environmentVariables: { ...options.environment },
    k8sServiceAccount: 'default',
    identity: { executionIdentity: 'example', k8sServiceAccount: 'default' },
  };
}

function executionIdOf(execution: FlyteExecution): JsonObject {
  const { project = 'flytesnacks', domain = 'development', org, name = '' } = execution;
  const place = { project, domain, ...(org === undefined ? {} : { org }) };
  const taskName = execution.taskName ?? 'demo_dbx_new.dbx_new';
  return {
    taskId: { ...place, resourceType: 'TASK', name: taskName, version: 'v1' },
    nodeExecutionId: { nodeId: execution.nodeId ?? 'n0', executionId: { ...place, name } },
    retryAttempt: execution.attempt ?? 0,
  };
}

/** In Flyte 2 every call but those for logs and metrics has it. */
export function connectionOf(options: Pick<FlyteCreate, 'secrets' | 'configs'>): JsonObject {
  const { secrets, configs } = options;
  if (secrets === undefined && configs === undefined) return {};
  return { connection: { secrets: { ...secrets }, configs: { ...configs } } };
}

export function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}
