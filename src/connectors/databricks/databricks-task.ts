import { invalidTask, isJsonObject, type JsonObject, type TaskTemplate } from '../../connector';
import { buildFlyteBody, type FlyteDefaults } from './databricks-flyte';
import { parseCredentialWish, type FlyteCredentialWish } from './databricks-flyte-credentials';
import { textAt } from './databricks-json';
import { assertRunNowBody, assertSubmitBody } from './databricks-validate';

/** A task template, read: what to send and where to. Holds secret references, never values. */
export interface DatabricksTask {
  readonly operation: 'submit' | 'run-now';
  /** The user's body, without token and name suffix. */
  readonly body: JsonObject;
  /** Name or host of the workspace; the default one when absent. */
  readonly workspace?: string;
  readonly isFlyte: boolean;
  /** What a Flyte task says of its credentials. */
  readonly credentialWish?: FlyteCredentialWish;
}

const OWN_FIELDS: ReadonlySet<string> = new Set(['workspace', 'request']);

/** The task type that Databricks shares with Flyte's Kubernetes Spark plugin. */
export const SPARK_TASK_TYPE = 'spark';

/**
 * Reads `template.custom` in either of its shapes: ours `{ workspace?, request }` or Flyte's `{ databricksConf, … }`.
 * Pure. @throws INVALID_TASK naming field (`spec…` for ours, `custom.databricksConf…` for Flyte's), reason and value.
 */
export function parseDatabricksTask(template: TaskTemplate, defaults: FlyteDefaults = {}): DatabricksTask {
  const { custom } = template;
  const isOwn = custom['request'] !== undefined;
  if (isOwn && custom['databricksConf'] !== undefined) {
    throw invalidTask('custom.databricksConf', 'cannot stand beside request');
  }
  return isOwn ? parseOwnTask(custom) : parseFlyteTask(template, defaults);
}

/** The workspace a task names, by name or host; undefined for the default one. @throws as {@link parseDatabricksTask}. */
export function workspaceOf(template: TaskTemplate): string | undefined {
  return parseDatabricksTask(template).workspace;
}

function parseOwnTask(custom: JsonObject): DatabricksTask {
  const unknown = Object.keys(custom).find((key) => !OWN_FIELDS.has(key));
  if (unknown !== undefined) {
    throw invalidTask(unknown, `is not known beside request (known: ${[...OWN_FIELDS].join(', ')})`);
  }
  const { request, workspace } = custom;
  if (!isJsonObject(request)) throw invalidTask('spec', 'must be a Jobs API body', request);
  if (workspace !== undefined && (typeof workspace !== 'string' || workspace === '')) {
    throw invalidTask('workspace', 'must name a workspace or its host', workspace);
  }
  const operation = request['job_id'] === undefined ? 'submit' : 'run-now';
  if (operation === 'submit') assertSubmitBody(request, 'spec');
  else assertRunNowBody(request, 'spec');
  return { operation, body: request, isFlyte: false, ...(workspace === undefined ? {} : { workspace }) };
}

function parseFlyteTask(template: TaskTemplate, defaults: FlyteDefaults): DatabricksTask {
  assertFlyteConf(template);
  const body = buildFlyteBody(template, defaults);
  assertSubmitBody(body, 'custom.databricksConf');
  const instance = template.custom['databricksInstance'];
  if (instance !== undefined && instance !== null && typeof instance !== 'string') {
    throw invalidTask('custom.databricksInstance', 'must be the host of a workspace', instance);
  }
  const workspace = textAt(template.custom, 'databricksInstance');
  return {
    operation: 'submit',
    body,
    isFlyte: true,
    credentialWish: parseCredentialWish(template.custom),
    ...(workspace === undefined ? {} : { workspace }),
  };
}

/** A Spark task of Flyte's Kubernetes plugin has the same type and no databricksConf: it is not ours. */
function assertFlyteConf(template: TaskTemplate): void {
  const conf = template.custom['databricksConf'];
  if (conf !== undefined && !isJsonObject(conf)) {
    throw invalidTask('custom.databricksConf', 'must be an object', conf);
  }
  if (conf !== undefined && Object.keys(conf).length > 0) return;
  if (template.type === SPARK_TASK_TYPE) {
    throw invalidTask(
      'custom.databricksConf',
      'is missing or empty: this spark task is not for Databricks but for another Spark back end',
    );
  }
  throw conf === undefined
    ? invalidTask('spec', 'is missing: a Databricks task needs request (a Jobs API body) or databricksConf')
    : invalidTask('custom.databricksConf', 'is empty: it must hold the Jobs API body to submit');
}
