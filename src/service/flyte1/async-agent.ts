import { createJobHandlers } from '../flyte/job-handlers';
import { readNewTask } from '../flyte/requests';
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
    ...createJobHandlers(tasks, { toResource, toLogMessages }),
  };
}
