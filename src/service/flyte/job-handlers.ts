import type { LogsPage } from '../../connector/connector';
import type { RpcCall } from '../handlers';
import type { TaskResource, TaskService } from '../tasks/task-service';
import { toLogsQuery } from './logs';
import { toMetricResults } from './metrics';
import { readKnownTask, type KnownRequest } from './requests';

/** In what the versions differ once a task is known: their `Resource` and the messages of their logs. */
export interface JobWire<R, L> {
  readonly toResource: (resource: TaskResource) => R;
  readonly toLogMessages: (page: LogsPage) => Iterable<L>;
}

type MetricsRequest = KnownRequest & { readonly queries: readonly string[] };
type LogsRequest = KnownRequest & Parameters<typeof toLogsQuery>[0];

/** What both versions ask about a task that was created: translation only, both ways. */
export interface JobHandlers<R, L> {
  getTask(request: KnownRequest, call: RpcCall): Promise<{ resource: R }>;
  deleteTask(request: KnownRequest, call: RpcCall): Promise<object>;
  getTaskMetrics(
    request: MetricsRequest,
    call: RpcCall,
  ): Promise<{ results: ReturnType<typeof toMetricResults> }>;
  getTaskLogs(request: LogsRequest, call: RpcCall): AsyncIterable<L>;
}

export function createJobHandlers<R, L>(
  tasks: TaskService,
  { toResource, toLogMessages }: JobWire<R, L>,
): JobHandlers<R, L> {
  return {
    async getTask(request, call) {
      const task = readKnownTask(request, call);
      return { resource: toResource(await tasks.get(task, call)) };
    },
    async deleteTask(request, call) {
      const task = readKnownTask(request, call);
      await tasks.delete(task, call);
      return {};
    },
    async getTaskMetrics(request, call) {
      const task = readKnownTask(request, call);
      const metrics = await tasks.metrics(task, call);
      return { results: toMetricResults(metrics, { queries: request.queries, at: Date.now() }) };
    },
    async *getTaskLogs(request, call) {
      const task = readKnownTask(request, call);
      yield* toLogMessages(await tasks.logs(task, toLogsQuery(request), call));
    },
  };
}
