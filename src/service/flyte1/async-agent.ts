import { toLogsQuery } from '../flyte/logs';
import { toMetricResults } from '../flyte/metrics';
import { readKnownTask, readNewTask } from '../flyte/requests';
import type { AsyncAgentService } from '../generated/flyteidl/service/agent_pb';
import type { Handlers } from '../handlers';
import type { TaskService } from '../tasks/task-service';
import { fromLiteralMap } from './literals';
import { toLogMessages } from './logs';
import { toResource } from './resource';

/** Flyte 1's `AsyncAgentService`: translation only, both ways. */
export function createAsyncAgent(tasks: TaskService): Handlers<typeof AsyncAgentService> {
  return {
    async createTask(request, call) {
      const task = readNewTask(request, { inputs: fromLiteralMap(request.inputs) }, call);
      return { resourceMeta: await tasks.create(task, call) };
    },
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
