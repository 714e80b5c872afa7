import type { NamedRequest } from '../../client';
import { LonghaulError } from '../../connector/errors';
import type { RpcCall } from '../handlers';
import { sealInto } from './call-secrets';
import { deadlineFor, within, type ServiceContext } from './context';
import { FLYTE_POLICY } from './flyte-policy';
import { earlierIds, taskIdOf } from './task-id';
import type { NewTask } from './task-service';
import { encodeWireMeta } from './wire-meta';

/** A start takes some milliseconds; a whole cluster that starts at once may make it wait. */
const LONGEST_START_MS = 30_000;

/**
 * Starts a task, or joins the one of the same execution and attempt, and returns as soon as Temporal has it.
 * Flyte's engine answers every error with a new attempt, so one is thrown only when nothing was started and nothing
 * will be: where that is not certain, the id is prevented in the background.
 * @throws as `TaskClient.ensure`; CONFIG for secrets without a key to seal them with.
 */
export async function createTask(context: ServiceContext, task: NewTask, call: RpcCall): Promise<Uint8Array> {
  const request = toTaskRequest(context, task);
  await startTask(context, request, call);
  return encodeWireMeta(request.id);
}

/** As {@link createTask}, of a request that is made already. */
export async function startTask(
  context: ServiceContext,
  request: NamedRequest,
  call: RpcCall,
): Promise<void> {
  call.noteTaskId(request.id);
  try {
    // Not ended by the caller's going: what Temporal then does would not be known.
    const deadline = deadlineFor(call, LONGEST_START_MS);
    await within(deadline, () => context.tasks.ensure(request));
  } catch (thrown) {
    const error = LonghaulError.from(thrown);
    if (error.retryable) context.prevention.begin(request, 'its CreateTask was answered with an error');
    throw error;
  }
  if (isLate(call)) {
    context.prevention.begin(request, 'the answer to its CreateTask came after the deadline');
  }
}

/** A caller that has been told of its deadline will create the next attempt; one that merely went may come again. */
function isLate({ deadline, signal }: RpcCall): boolean {
  return Date.now() >= deadline || (signal.reason instanceof Error && signal.reason.name === 'TimeoutError');
}

/** What is started for a CreateTask; the same for each repetition of it. */
export function toTaskRequest(context: ServiceContext, task: NewTask): NamedRequest {
  const { cluster } = context;
  const id = taskIdOf(cluster, task);
  const { template, inputs, outputPrefix, taskExecution } = task;
  const earlierAttempts = earlierIds(cluster, task);
  const request: NamedRequest = {
    id,
    template,
    policy: FLYTE_POLICY,
    ...(inputs === undefined ? {} : { inputs }),
    ...(outputPrefix === undefined ? {} : { outputPrefix }),
    ...(taskExecution === undefined ? {} : { taskExecution }),
    ...(earlierAttempts.length === 0 ? {} : { earlierAttempts }),
  };
  return sealInto(context, request, task.secrets);
}
