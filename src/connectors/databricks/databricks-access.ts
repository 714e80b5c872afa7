import {
  LonghaulError,
  type CallContext,
  type JsonObject,
  type KubernetesApi,
  type TaskExecutionMetadata,
  type TaskOrJob,
} from '../../connector';
import type { DatabricksClient } from './databricks-client';
import type { DatabricksClients } from './databricks-clients';
import { isSameHost, type WorkspaceAsker, type WorkspaceDirectory } from './databricks-directory';
import { chooseCredentials } from './databricks-flyte-credentials';
import type { FlyteDefaults } from './databricks-flyte';
import { objectAt, textAt } from './databricks-json';
import { DatabricksJobMetadata } from './databricks-metadata';
import type { AskedWorkspace } from './databricks-queues';
import { parseDatabricksTask, workspaceOf, type DatabricksTask } from './databricks-task';
import {
  assertOwnNamespace,
  assertUsable,
  toAuth,
  type NamedCredentials,
  type TaskCredentials,
} from './databricks-task-credentials';
import { readTaskToken } from './databricks-task-token';
import type { WorkspaceHost } from './databricks-workspace';

/** How a task or a run is reached: in which workspace, and with whose credentials. */
export interface Access {
  readonly client: DatabricksClient;
  /** What the run's meta has to keep, so that a later call finds the same. */
  readonly kept: Pick<DatabricksJobMetadata, 'workspace' | 'credentials'>;
}

export interface AccessOptions {
  readonly clients: DatabricksClients;
  readonly flyte: FlyteDefaults;
  readonly kubernetes: KubernetesApi | undefined;
}

/** Whose task it is. `isAdmitted`: it was let in before, and what it may have started is looked for. */
export interface TaskAsker {
  readonly taskExecution: TaskExecutionMetadata | undefined;
  readonly isAdmitted: boolean;
}

/**
 * The way to a task's workspace. A token that came with the task comes first, then for Flyte's tasks what their
 * namespace holds, then the workspace's own credentials.
 */
export async function accessForTask(
  task: DatabricksTask,
  { taskExecution, isAdmitted }: TaskAsker,
  { call, ...options }: AccessOptions & { readonly call: CallContext },
): Promise<Access> {
  const asker = { project: taskExecution?.project, isAdmitted };
  const { clients } = options;
  // Turned away before anything is read for it.
  clients.directory().resolveHost(task.workspace, asker);
  const token = await readTaskToken(call);
  if (token !== undefined) return toAccess(clients, clients.find(task.workspace, token, { asker }));
  const named = await namedCredentials(task, taskExecution, { call, ...options });
  if (named !== undefined) {
    const client = clients.find(task.workspace, undefined, { asker, auth: toAuth(named) });
    return toAccess(clients, client, named);
  }
  return accessByKind(task, asker, clients);
}

/** The workspace's own credentials, of the kind that a Flyte task names where there are several. */
function accessByKind(task: DatabricksTask, asker: WorkspaceAsker, clients: DatabricksClients): Access {
  const kind = task.credentialWish?.kind;
  const preferred = clients.find(task.workspace, undefined, { asker });
  if (kind === undefined || preferred.workspace.auth.kind === kind) return toAccess(clients, preferred);
  const client = clients.find(task.workspace, undefined, { asker, kind });
  if (client.workspace.auth.kind !== kind) return toAccess(clients, preferred);
  return toAccess(clients, client, { kind: 'workspace', auth: kind });
}

async function namedCredentials(
  { credentialWish }: DatabricksTask,
  taskExecution: TaskExecutionMetadata | undefined,
  { flyte, kubernetes, call }: AccessOptions & { readonly call: CallContext },
): Promise<NamedCredentials | undefined> {
  if (credentialWish === undefined) return undefined;
  const defaults = flyte.credentials ?? {};
  const namespace = taskExecution?.namespace;
  return chooseCredentials(credentialWish, { defaults, kubernetes, namespace, call });
}

function toAccess(
  clients: DatabricksClients,
  client: DatabricksClient,
  credentials?: TaskCredentials,
): Access {
  return {
    client,
    kept: {
      ...keptName(client.workspace, clients.directory()),
      ...(credentials === undefined ? {} : { credentials }),
    },
  };
}

/** A run's host says where it is; its workspace's name is kept only where others are configured for that host. */
export function keptName(
  { name, host }: WorkspaceHost,
  { workspaces }: WorkspaceDirectory,
): Pick<DatabricksJobMetadata, 'workspace'> {
  const hasTwin = workspaces.some((other) => other.host === host && other.name !== name);
  return hasTwin ? { workspace: name } : {};
}

/**
 * The way to a run, from its meta alone.
 * @throws CONFIG for a host that is not configured; PERMISSION_DENIED for credentials of another namespace.
 */
export async function accessForRun(
  identity: DatabricksJobMetadata,
  call: CallContext,
  clients: DatabricksClients,
): Promise<DatabricksClient> {
  const selector = selectorOf(identity, clients.directory());
  const token = await readTaskToken(call);
  if (token !== undefined) return clients.find(selector, token);
  const { credentials } = identity;
  if (credentials === undefined) return clients.find(selector);
  if (credentials.kind === 'workspace') return clients.find(selector, undefined, { kind: credentials.auth });
  await assertUsable(credentials, call);
  return clients.find(selector, undefined, { auth: toAuth(credentials) });
}

/** What a start has to remember of where it goes. */
export function toSentTo({ name, host }: WorkspaceHost): JsonObject {
  return { sentTo: { workspace: name, databricksInstance: host } };
}

/**
 * The workspace to which an earlier try of this start was sent. Whatever a rule or a default says now: that one knows
 * its token, another would start a second run.
 */
export function sentToBefore(
  { previousState }: CallContext,
  directory: WorkspaceDirectory,
): string | undefined {
  const sentTo = objectAt(previousState ?? {}, 'sentTo');
  const [workspace, databricksInstance] = [textAt(sentTo, 'workspace'), textAt(sentTo, 'databricksInstance')];
  if (workspace === undefined || databricksInstance === undefined) return undefined;
  return selectorOf({ workspace, databricksInstance }, directory);
}

/** The name counts only where it still stands for the run's host: the host is what the run belongs to. */
function selectorOf(
  { workspace, databricksInstance }: Pick<DatabricksJobMetadata, 'workspace' | 'databricksInstance'>,
  { workspaces }: WorkspaceDirectory,
): string {
  const named = workspaces.find(({ name }) => name === workspace);
  return named !== undefined && isSameHost(named.host, databricksInstance) ? named.name : databricksInstance;
}

/** The workspace of a task or a run, for what has let it in already: it is found, and never turned away. */
export function workspaceAskedBy(about: TaskOrJob, directory: WorkspaceDirectory): AskedWorkspace {
  if ('meta' in about) return { selector: selectorOf(DatabricksJobMetadata.parse(about.meta), directory) };
  const { template, taskExecution } = about;
  return { selector: workspaceOf(template), asker: { project: taskExecution?.project, isAdmitted: true } };
}

/**
 * Does this process know a reason to turn the task away? A door may know fewer workspaces than the workers do.
 * @throws PERMISSION_DENIED, or INVALID_TASK for what cannot be read.
 */
export function authorizeTask(
  about: TaskOrJob,
  taskExecution: TaskExecutionMetadata,
  { directory, flyte }: { readonly directory: WorkspaceDirectory; readonly flyte: FlyteDefaults },
): void {
  const asker = { project: taskExecution.project };
  if ('template' in about) {
    findIfKnown(directory, parseDatabricksTask(about.template, flyte).workspace, asker);
    return;
  }
  const identity = DatabricksJobMetadata.parse(about.meta);
  const { credentials } = identity;
  if (credentials !== undefined && 'namespace' in credentials) {
    assertOwnNamespace(credentials.namespace, taskExecution.namespace ?? '');
  }
  findIfKnown(directory, selectorOf(identity, directory), asker);
}

function findIfKnown(
  directory: WorkspaceDirectory,
  selector: string | undefined,
  asker: WorkspaceAsker,
): WorkspaceHost | undefined {
  try {
    return directory.resolveHost(selector, asker);
  } catch (thrown) {
    if (thrown instanceof LonghaulError && thrown.code === 'CONFIG') return undefined;
    throw thrown;
  }
}
