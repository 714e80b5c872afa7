import type { Client } from '@temporalio/client';

import type { FoundJob } from '../connector/job-finder';
import type { AsyncConnector } from '../connector/connector';
import { LonghaulError } from '../connector/errors';
import { canonicalJson } from '../connector/json';
import type { ConnectorRegistry } from '../connector/registry';
import type { ResourceMeta } from '../connector/resource-meta';
import { adoptedTaskId } from '../connector/task-names';
import { DEFAULT_POLICY, type TaskPolicy } from '../connector/task-policy';
import { taskQueuesOf } from '../connector/task-queues';
import { callFindJob } from './connector-call';
import type { NamedRequest, TaskRequest } from './task-request';
import type { TaskStatus } from './task-status';

/** A job that somebody else started, as a person names it. */
export interface AdoptRequest {
  /** Default `databricks`. */
  readonly taskType?: string;
  /** Such as a run id, as text. */
  readonly externalId: string;
  /** Name or host of the workspace; the workers' default one when absent. */
  readonly workspace?: string;
  /** Whose task it is: for workspaces that are open to some projects only, and for rules that choose one. */
  readonly project?: string;
  /** Default `adopted-WORKSPACE-JOB`, so that adopting twice joins the same task. */
  readonly id?: string;
  /** For people. */
  readonly name?: string;
  /** Deadlines and pauses; nothing here starts an attempt. */
  readonly policy?: TaskPolicy;
}

const USUAL_TYPE = 'databricks';

/** @throws UNKNOWN_TASK_TYPE; UNSUPPORTED where no job can be looked for; INVALID_TASK for what can be no id. */
export function checkAdoption(request: AdoptRequest, registry: ConnectorRegistry): AsyncConnector {
  const connector = registry.getConnector(request.taskType ?? USUAL_TYPE);
  const { finder, name, adopts = true } = connector;
  if (finder === undefined || !adopts) {
    throw new LonghaulError('UNSUPPORTED', `${name}: a job that somebody else started cannot be followed.`);
  }
  finder.checkReference({ externalId: request.externalId });
  return connector;
}

/** Asks a worker whether there is such a job, and makes the task that is to follow it. @throws RUN_GONE when there is none. */
export async function toAdoption(
  client: Client,
  connector: AsyncConnector,
  request: AdoptRequest,
): Promise<NamedRequest> {
  const { taskCategory } = connector;
  const { externalId, workspace, project, name, policy = DEFAULT_POLICY } = request;
  const taskExecution = project === undefined ? {} : { project };
  const { name: type, version } = taskCategory;
  const custom = workspace === undefined ? {} : { workspace };
  const taskQueue = taskQueuesOf(connector, { template: { type, version, custom }, taskExecution }).control;
  const reference = { externalId, ...(workspace === undefined ? {} : { place: workspace }) };
  const job = await callFindJob(client, { taskCategory, taskExecution, taskQueue, reference });
  return {
    id: request.id ?? adoptedTaskId(job.place, job.externalId),
    template: { type, version, name: name ?? nameOf(job), custom: {} },
    policy,
    ...(project === undefined ? {} : { taskExecution }),
    adopted: { meta: job.meta, externalId: job.externalId },
  };
}

const NAME_LIMIT = 100;

function nameOf({ name, externalId }: FoundJob): string {
  return name === undefined ? `adopted ${externalId}` : `adopted ${name}`.slice(0, NAME_LIMIT);
}

/** A job is followed once: two tasks would both stop it. @throws TOKEN_CONFLICT naming the task that follows it. */
export function assertNotFollowed(
  { id, adopted }: TaskRequest,
  followers: readonly Pick<TaskStatus, 'id' | 'meta'>[],
  { finder }: Pick<AsyncConnector, 'finder'>,
): void {
  const keyOf = (meta: ResourceMeta): string => finder?.jobKey(meta) ?? canonicalJson(meta);
  const key = keyOf(adopted?.meta ?? {});
  const other = followers.find(
    (task) => task.id !== id && task.meta !== undefined && keyOf(task.meta) === key,
  );
  if (other === undefined) return;
  throw new LonghaulError(
    'TOKEN_CONFLICT',
    `Job ${adopted?.externalId ?? ''} is followed by the open task ${other.id} already; nothing was started.`,
    { advice: `Follow that one: longhaul wait ${other.id}` },
  );
}
