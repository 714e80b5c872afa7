import type { JsonObject } from '../../connector/json';
import { invalidTask, LonghaulError } from '../../connector/errors';
import { isTerminalPhase } from '../../connector/phase';
import { readNewTask } from '../flyte/requests';
import type { CreateRequestHeader, ExecuteTaskSyncRequest } from '../generated/flyteidl/admin/agent_pb';
import type { SyncAgentService } from '../generated/flyteidl/service/agent_pb';
import type { Handlers, RpcCall } from '../handlers';
import type { NewTask, TaskResource, TaskService } from '../tasks/task-service';
import { fromLiteralMap } from './literals';
import { toResource } from './resource';

/**
 * Flyte 1's `SyncAgentService`: reads until the caller half-closes, runs the task to its end within the call's
 * deadline, and answers one message, a header with the resource. Outputs are in the resource: nobody reads others.
 */
export function createSyncAgent(tasks: TaskService): Handlers<typeof SyncAgentService> {
  return {
    async *executeTaskSync(requests, call) {
      const task = await readTask(requests, call);
      const resource = await tasks.run(task, call);
      assertEnded(resource);
      yield { res: { case: 'header', value: { resource: toResource(resource) } } };
    },
  };
}

async function readTask(requests: AsyncIterable<ExecuteTaskSyncRequest>, call: RpcCall): Promise<NewTask> {
  let header: CreateRequestHeader | undefined;
  let inputs: JsonObject = {};
  for await (const { part } of requests) {
    if (part.case === 'header') header = part.value;
    if (part.case === 'inputs') inputs = { ...inputs, ...fromLiteralMap(part.value) };
  }
  if (header === undefined) throw invalidTask('header', 'is missing: it names the task to run');
  return readNewTask(header, { inputs }, call);
}

/** An open task would be polled by the engine without a meta, and that kills one of its poll workers. */
function assertEnded({ phase }: TaskResource): void {
  if (isTerminalPhase(phase)) return;
  throw new LonghaulError('INTERNAL', `The synchronous task was left in phase ${phase}.`);
}
