import { createJobHandlers } from '../flyte/job-handlers';
import { readNewTask } from '../flyte/requests';
import type { AsyncConnectorService } from '../generated/flyteidl2/connector/service_pb';
import type { Handlers } from '../handlers';
import type { TaskService } from '../tasks/task-service';
import { fromInputs } from './literals';
import { toLogMessages } from './logs';
import { toResource } from './resource';

/**
 * Flyte 2's `AsyncConnectorService`: translation only, both ways. The secret values of `connection` go to the
 * TaskService and nowhere else.
 */
export function createAsyncConnector(tasks: TaskService): Handlers<typeof AsyncConnectorService> {
  return {
    async createTask(request, call) {
      const secrets = request.connection?.secrets ?? {};
      const task = readNewTask(request, { inputs: fromInputs(request.inputs), secrets }, call);
      return { resourceMeta: await tasks.create(task, call) };
    },
    ...createJobHandlers(tasks, { toResource, toLogMessages }),
  };
}
