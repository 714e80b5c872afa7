import type { Capabilities, LogsPage, TaskMetric } from '../../connector/connector';
import { LonghaulError } from '../../connector/errors';
import type { RpcCall } from '../handlers';
import { deadlineFor, within, type ServiceContext } from './context';
import { identify } from './identify';
import type { KnownTask, LogsQuery } from './task-service';

/** A worker reads pages of the external system: that takes longer than a look at Temporal. */
const AS_LONG_AS_IT_TAKES = Number.POSITIVE_INFINITY;

/** A page of a job's logs. @throws UNSUPPORTED when its connector has none, NOT_FOUND before there is a job. */
export async function readLogs(
  context: ServiceContext,
  task: KnownTask,
  { query, call }: { readonly query: LogsQuery; readonly call: RpcCall },
): Promise<LogsPage> {
  assertOffered(context, task, 'logs');
  const { id } = identify(task, context.registry, context.cluster);
  call.noteTaskId(id);
  return within(deadlineFor(call, AS_LONG_AS_IT_TAKES), () => context.tasks.logs(id, query));
}

/** Durations of a job's tasks and attempts. @throws as {@link readLogs}. */
export async function readMetrics(
  context: ServiceContext,
  task: KnownTask,
  call: RpcCall,
): Promise<readonly TaskMetric[]> {
  assertOffered(context, task, 'metrics');
  const { id } = identify(task, context.registry, context.cluster);
  call.noteTaskId(id);
  return within(deadlineFor(call, AS_LONG_AS_IT_TAKES), () => context.tasks.metrics(id));
}

function assertOffered(
  { registry }: ServiceContext,
  { taskCategory }: KnownTask,
  capability: keyof Pick<Capabilities, 'logs' | 'metrics'>,
): void {
  const { name, capabilities } = registry.getConnector(taskCategory.name, taskCategory.version);
  if (capabilities[capability]) return;
  throw new LonghaulError('UNSUPPORTED', `${name} does not offer ${capability}.`);
}
