import { LonghaulError } from '../../connector/errors';
import type { RpcCall } from '../handlers';
import { startTask, toTaskRequest } from './create-task';
import { within, type ServiceContext } from './context';
import { toTaskResource } from './task-resource';
import type { NewTask, TaskResource } from './task-service';

/** Left to look at the end and to answer. */
const MARGIN_MS = 700;

/**
 * Runs a task of a synchronous connector to its end within one call; the engine takes nothing but a terminal answer.
 * @throws UNSUPPORTED for another connector; DEADLINE_OVERALL when it did not end in time: it is then canceled.
 */
export async function runTask(context: ServiceContext, task: NewTask, call: RpcCall): Promise<TaskResource> {
  assertSynchronous(context, task);
  const { tasks } = context;
  const request = toTaskRequest(context, task);
  await startTask(context, request, call);
  try {
    const result = await within(call.deadline - MARGIN_MS, () => tasks.result(request.id));
    const status = await within(call.deadline, () => tasks.look(request.id));
    const taskUrl = context.taskUrl(request.id);
    return toTaskResource({ status, result: result?.resource, taskUrl, now: Date.now() });
  } catch (cause) {
    context.prevention.begin(request, 'it did not end within the call that asked for it');
    throw new LonghaulError('DEADLINE_OVERALL', 'The task did not end within the call; it is canceled.', {
      cause,
    });
  }
}

function assertSynchronous({ registry }: ServiceContext, { template }: NewTask): void {
  const { name, capabilities } = registry.getConnector(template.type, template.version);
  if (capabilities.synchronous) return;
  throw new LonghaulError('UNSUPPORTED', `${name} runs its tasks asynchronously: use CreateTask.`);
}
