import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isNativeError } from 'node:util/types';

import type { TaskRequest } from '../client';
import { invalidTask, LonghaulError } from '../connector/errors';
import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';
import { parseTaskPolicy } from '../connector/task-policy';
import { parseTaskTemplate, type TaskTemplate } from '../connector/task-template';
import { isBodyMember } from '../connectors/databricks';
import { inFile } from './in-file';
import { resolveLocalFiles } from './local-files';
import { parseTaskDocument } from './parse-document';

export interface TaskFileOptions {
  readonly id?: string;
  /** Overrides the file's own choice. */
  readonly workspace?: string;
  /** Overrides the file's own. */
  readonly project?: string;
  /** Taken when neither the command line nor the file names one. */
  readonly defaultWorkspace?: string;
}

/**
 * Reads a task in one of three forms: our task file (`type`, `spec`, `policy`, …), a Databricks `jobs submit` or
 * `run-now` body, a Flyte TaskTemplate as JSON.
 * @throws INVALID_TASK naming file, field, value and reason; NOT_FOUND for a missing file.
 */
export async function readTaskFile(path: string, options: TaskFileOptions = {}): Promise<TaskRequest> {
  const document = parseTaskDocument(await readTextFile(path), path);
  if (!isJsonObject(document)) throw invalidTask(basename(path), 'must hold an object', document);
  return inFile(path, options, () => toRequest(resolveLocalFiles(document, dirname(path)), options));
}

/** @throws NOT_FOUND saying why. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = isNativeError(error) ? (error as NodeJS.ErrnoException) : { code: undefined };
    const reason = READ_FAILURES[code ?? ''] ?? 'cannot be read';
    throw new LonghaulError('NOT_FOUND', `The file ${path} ${reason}.`, { cause: error });
  }
}

const READ_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder',
  EACCES: 'may not be read by this user',
};

function toRequest(document: JsonObject, options: TaskFileOptions): TaskRequest {
  if ('spec' in document) return fromTaskFile(document, options);
  if ('custom' in document) return fromFlyteTemplate(document, options);
  // No Databricks body has a type: taken for one, the file would lose its policy.
  const isSpecless = typeof document['type'] === 'string';
  if (!isSpecless && Object.keys(document).some(isBodyMember)) return fromDatabricksBody(document, options);
  throw invalidTask(
    isSpecless ? 'spec' : 'task',
    isSpecless
      ? 'is missing: a task file holds type and spec'
      : 'is neither a task file (type and spec), a Databricks body (tasks, job_id, job_name, …) nor a Flyte template (type and custom)',
    Object.keys(document),
  );
}

const TASK_FILE_KEYS = ['type', 'version', 'name', 'id', 'project', 'workspace', 'spec', 'policy', 'inputs'];

function fromTaskFile(document: JsonObject, options: TaskFileOptions): TaskRequest {
  const unknown = Object.keys(document).find((key) => !TASK_FILE_KEYS.includes(key));
  if (unknown !== undefined) throw invalidTask(unknown, `is not known (known: ${TASK_FILE_KEYS.join(', ')})`);
  const { type, version = 0, name, spec = null, policy, inputs, project } = document;
  if (!isJsonObject(spec)) throw invalidTask('spec', 'must be an object', spec);
  const workspace =
    options.workspace ??
    textOf('workspace', document['workspace']) ??
    (isDatabricksType(type) ? options.defaultWorkspace : undefined);
  const custom = toCustom(type, spec, workspace);
  const id = options.id ?? textOf('id', document['id']);
  return {
    template: parseTaskTemplate({ type, version, custom, ...(name === undefined ? {} : { name }) }),
    policy: parseTaskPolicy(policy),
    ...(inputs === undefined ? {} : { inputs }),
    ...(id === undefined ? {} : { id }),
    ...ofProject(options.project ?? textOf('project', project)),
  };
}

const DATABRICKS_TYPES: readonly unknown[] = ['databricks', 'spark'];

function isDatabricksType(type: unknown): boolean {
  return DATABRICKS_TYPES.includes(type);
}

/** A spec in Flyte's words stays as it is; a workspace that nothing would look at is refused. */
function toCustom(type: unknown, spec: JsonObject, workspace: string | undefined): JsonObject {
  if (isDatabricksType(type)) {
    if (!('databricksConf' in spec)) return toDatabricksCustom(spec, workspace);
    return workspace === undefined ? spec : { ...spec, databricksInstance: workspace };
  }
  if (workspace === undefined) return spec;
  throw invalidTask('workspace', 'is for the types databricks and spark only', workspace);
}

function fromDatabricksBody(document: JsonObject, options: TaskFileOptions): TaskRequest {
  const workspace = options.workspace ?? options.defaultWorkspace;
  const name = textOf('run_name', document['run_name']) ?? textOf('job_name', document['job_name']);
  return {
    template: parseTaskTemplate({
      type: 'databricks',
      custom: toDatabricksCustom(document, workspace),
      ...(name === undefined ? {} : { name }),
    }),
    policy: parseTaskPolicy(undefined),
    ...(options.id === undefined ? {} : { id: options.id }),
    ...ofProject(options.project),
  };
}

function fromFlyteTemplate(document: JsonObject, options: TaskFileOptions): TaskRequest {
  const { id = null, taskTypeVersion = 0, ...rest } = document;
  const named = isJsonObject(id) ? id['name'] : undefined;
  const project = isJsonObject(id) ? textOf('id.project', id['project']) : undefined;
  const template = parseTaskTemplate({
    ...rest,
    version: taskTypeVersion,
    ...(typeof named === 'string' ? { name: named } : {}),
  });
  return {
    template: withInstance(template, options.workspace),
    policy: parseTaskPolicy(undefined),
    ...(options.id === undefined ? {} : { id: options.id }),
    ...ofProject(options.project ?? project),
  };
}

function ofProject(project: string | undefined): Pick<TaskRequest, 'taskExecution'> {
  return project === undefined ? {} : { taskExecution: { project } };
}

/** A Flyte template names its workspace by host; the command line may put another in its place. */
function withInstance(template: TaskTemplate, workspace: string | undefined): TaskTemplate {
  if (workspace === undefined) return template;
  return { ...template, custom: { ...template.custom, databricksInstance: workspace } };
}

function toDatabricksCustom(request: JsonObject, workspace: string | undefined): JsonObject {
  return workspace === undefined ? { request } : { workspace, request };
}

function textOf(field: string, value: JsonValue | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw invalidTask(field, 'must be text', value);
}
