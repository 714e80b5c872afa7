import {
  invalidTask,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type TaskTemplate,
} from '../../connector';
import { changeCompute, parseComputeChange } from './databricks-compute';
import { buildFlyteBody, type FlyteDefaults } from './databricks-flyte';
import { parseCredentialWish, type FlyteCredentialWish } from './databricks-flyte-credentials';
import { textAt } from './databricks-json';
import { assertRunNowBody, assertSubmitBody } from './databricks-validate';

/** A task template, read: what to send and where to. Holds secret references, never values. */
export interface DatabricksTask {
  readonly operation: 'submit' | 'run-now';
  /** The user's body, without token and name suffix. */
  readonly body: JsonObject;
  /** The saved job's name, where the body has `job_name` in the place of `job_id`. */
  readonly jobName?: string;
  /** Name or host of the workspace; the default one when absent. */
  readonly workspace?: string;
  readonly isFlyte: boolean;
  /** What a Flyte task says of its credentials. */
  readonly credentialWish?: FlyteCredentialWish;
}

const OWN_FIELDS: ReadonlySet<string> = new Set(['workspace', 'request', 'compute']);

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
  const task = isOwn ? parseOwnTask(custom) : parseFlyteTask(template, defaults);
  return custom['compute'] === undefined ? task : withCompute(task, custom['compute']);
}

/** What a resubmit has laid into the template: the same body, on other compute. */
function withCompute(task: DatabricksTask, compute: JsonValue): DatabricksTask {
  if (task.operation === 'run-now') {
    throw invalidTask(
      'compute',
      'cannot stand beside job_id: the compute of a saved job is the job’s',
      compute,
    );
  }
  return { ...task, body: changeCompute(task.body, parseComputeChange('compute', compute), 'compute') };
}

/** The workspace that a task, or the wish to follow a run, names by name or host; undefined for the default one. */
export function workspaceOf({ custom }: Pick<TaskTemplate, 'custom'>): string | undefined {
  return textAt(custom, custom['databricksConf'] === undefined ? 'workspace' : 'databricksInstance');
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
  return { ...readBody(request), isFlyte: false, ...(workspace === undefined ? {} : { workspace }) };
}

function readBody(request: JsonObject): Pick<DatabricksTask, 'operation' | 'body' | 'jobName'> {
  if (request['job_id'] === undefined && request['job_name'] === undefined) {
    assertSubmitBody(request, 'spec');
    return { operation: 'submit', body: request };
  }
  assertRunNowBody(request, 'spec');
  const jobName = textAt(request, 'job_name');
  return { operation: 'run-now', body: request, ...(jobName === undefined ? {} : { jobName }) };
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
