import type { TaskStatus } from '../../client';
import { LonghaulError, type ErrorCode } from '../../connector/errors';
import type { Resource } from '../../connector/resource';
import type { RpcCall } from '../handlers';
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
  const ask = context.lastAnswers.recall(identified.id, Date.now()) === undefined ? within : limited;
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
    const connection = context.connections.seal(secrets, id, Date.now());
    await context.tasks.ensure({ ...adoption, ...(connection === undefined ? {} : { connection }) });
    return context.tasks.look(id);
  }
}

/** Other credentials than before go on to the task; that must never cost the caller its answer. */
export async function handOnSecrets(
  { connections, tasks, logger }: ServiceContext,
  status: TaskStatus,
  secrets: KnownTask['secrets'],
): Promise<void> {
  try {
    const renewed = connections.renewalOf(secrets, status, Date.now());
    if (renewed !== undefined) await tasks.renewConnection(status.id, renewed);
  } catch (thrown) {
    const { code, message } = LonghaulError.from(thrown);
    if (code !== 'ALREADY_ENDED') {
      logger.warn(`New credentials for task ${status.id} were not handed on: ${message}`);
    }
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
