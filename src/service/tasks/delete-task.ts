import { LonghaulError, type ErrorCode } from '../../connector/errors';
import type { RpcCall } from '../handlers';
import { handOnSecrets, sealInto } from './call-secrets';
import { deadlineFor, within, type ServiceContext } from './context';
import { identify, type IdentifiedTask } from './identify';
import type { KnownTask } from './task-service';

/** The task is over or never was: what the caller wants is so. */
const DONE: ReadonlySet<ErrorCode> = new Set([
  'NOT_FOUND',
  'ALREADY_ENDED',
  'INVALID_TASK',
  'UNKNOWN_TASK_TYPE',
]);

const CANCEL = { by: 'Flyte', reason: 'Flyte deleted the task' } as const;

/**
 * Records a cancel; the task closes when its job is seen stopped. Fine for running, ended, unknown and repeated ones:
 * the engine repeats what fails, and deletes finished tasks too.
 * @throws UNAVAILABLE only when Temporal recorded nothing.
 */
export async function deleteTask(context: ServiceContext, task: KnownTask, call: RpcCall): Promise<void> {
  try {
    const identified = identify(task, context.registry, context.cluster);
    call.noteTaskId(identified.id);
    await recordCancel(context, { ...identified, secrets: task.secrets, deadline: deadlineFor(call) });
  } catch (thrown) {
    const error = LonghaulError.from(thrown);
    if (!DONE.has(error.code)) throw error;
    if (error.code === 'INVALID_TASK') context.logger.warn(`DeleteTask: ${error.message}; nothing to stop.`);
  }
}

interface Deletion extends IdentifiedTask {
  readonly secrets: KnownTask['secrets'];
  readonly deadline: number;
}

/** Step by step, so that nothing is recorded any more once an error was answered. */
async function recordCancel(
  context: ServiceContext,
  { id, adoption, secrets, deadline }: Deletion,
): Promise<void> {
  const { tasks } = context;
  try {
    const status = await within(deadline, () => tasks.look(id));
    await handOnSecrets(context, status, secrets);
    if (status.state !== 'OPEN' || status.canceling !== undefined) return;
    await within(deadline, () => tasks.cancel(id, CANCEL));
  } catch (thrown) {
    if (adoption === undefined || LonghaulError.from(thrown).code !== 'NOT_FOUND') throw thrown;
    const request = sealInto(context, adoption, secrets);
    await within(deadline, () => tasks.prevent(request, CANCEL));
  }
}
