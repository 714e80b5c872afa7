import type { MessageInitShape } from '@bufbuild/protobuf';
import { hasOutputs } from '../flyte/outputs';
import { toSentPhase } from '../flyte/phases';
import { toStruct } from '../flyte/struct';
import type { ResourceSchema } from '../generated/flyteidl/admin/agent_pb';
import { TaskExecution_Phase } from '../generated/flyteidl/core/execution_pb';
import type { TaskResource } from '../tasks/task-service';
import { toLiteralMap } from './literals';

/**
 * `admin.Resource`. Its deprecated `state` stays unset: with a phase nobody reads it. Links say that they work while
 * the task is pending: flyteadmin hides all others until it runs.
 */
export function toResource(resource: TaskResource): MessageInitShape<typeof ResourceSchema> {
  const { phase, message, links, outputs, customInfo } = resource;
  return {
    phase: TaskExecution_Phase[toSentPhase(phase)],
    message,
    logLinks: links.map(({ name, uri }) => ({ name, uri, ShowWhilePending: true })),
    customInfo: toStruct(customInfo),
    ...(hasOutputs(outputs) ? { outputs: toLiteralMap(outputs) } : {}),
  };
}
