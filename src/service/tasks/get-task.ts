import type { TaskStatus } from '../../client';
import { LonghaulError, type ErrorCode } from '../../connector/errors';
import type { Resource } from '../../connector/resource';
import type { RpcCall } from '../handlers';
import { handOnSecrets, sealInto } from './call-secrets';
import { deadlineFor, limited, within, type ServiceContext } from './context';
import { identify, type IdentifiedTask } from './identify';
import { toTaskResource } from './task-resource';
import type { KnownTask, TaskResource } from './task-service';

/** These are answers about the task; every other error is a trouble that can pass. */
const ANSWERS: ReadonlySet<ErrorCode> = new Set(['NOT_FOUND', 'INVALID_TASK', 'UNKNOWN_TASK_TYPE']);

/**
 * What is known of a task: one `describe`, and once for a succeeded one its result. No worker and no external system is
 * asked. While Temporal is out of reach this replica's last answer is given, for up to six hours.
 * @throws NOT_FOUND, INVALID_TASK; UNAVAILABLE when Temporal is away and this replica never answered for the task.
 */
export async function getTask(
  context: ServiceContext,
  task: KnownTask,
  call: RpcCall,
): Promise<TaskResource> {
  const identified = identify(task, context.registry, context.cluster);
  call.noteTaskId(identified.id);
  // With an answer at hand one try is enough: the engine has other jobs to ask about.
  const ask = context.lastAnswers.knows(identified.id, Date.now()) ? limited : within;
  try {
    const resource = await ask(deadlineFor(call), () => lookAt(context, identified, task));
    context.lastAnswers.remember(identified.id, resource, Date.now());
    return resource;
  } catch (thrown) {
    const error = LonghaulError.from(thrown);
    const recalled = ANSWERS.has(error.code)
      ? undefined
      : context.lastAnswers.recall(identified.id, Date.now());
    if (recalled === undefined) throw error;
    context.onStaleAnswer();
    return recalled;
  }
}

async function lookAt(
  context: ServiceContext,
  identified: IdentifiedTask,
  { secrets }: KnownTask,
): Promise<TaskResource> {
  const status = await statusOf(context, identified, secrets);
  await handOnSecrets(context, status, secrets);
  const result = status.state === 'COMPLETED' ? await resultOf(context, status) : undefined;
  const taskUrl = context.taskUrl(status.id);
  return toTaskResource({ status, result, taskUrl, now: Date.now() });
}

async function statusOf(
  context: ServiceContext,
  { id, adoption }: IdentifiedTask,
  secrets: KnownTask['secrets'],
): Promise<TaskStatus> {
  try {
    return await context.tasks.look(id);
  } catch (thrown) {
    if (adoption === undefined || LonghaulError.from(thrown).code !== 'NOT_FOUND') throw thrown;
    await context.tasks.ensure(sealInto(context, adoption, secrets));
    return context.tasks.look(id);
  }
}

/** Asked once an ended run, because it cannot change. */
async function resultOf(
  { tasks, results }: ServiceContext,
  status: TaskStatus,
): Promise<Resource | undefined> {
  const known = results.get(status.runId);
  if (known !== undefined) return known;
  const resource = (await tasks.result(status.id))?.resource;
  if (resource !== undefined) results.set(status.runId, resource);
  return resource;
}
