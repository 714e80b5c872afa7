import type { MessageInitShape } from '@bufbuild/protobuf';
import { hasOutputs } from '../flyte/outputs';
import { toSentPhase } from '../flyte/phases';
import { toStruct } from '../flyte/struct';
import type { ResourceSchema } from '../generated/flyteidl2/connector/connector_pb';
import { TaskExecution_Phase } from '../generated/flyteidl2/core/execution_pb';
import type { TaskResource } from '../tasks/task-service';
import { toOutputs } from './literals';

/** `connector.Resource`. Links are external pages that work as soon as they are known. */
export function toResource(resource: TaskResource): MessageInitShape<typeof ResourceSchema> {
  const { phase, message, links, outputs, customInfo } = resource;
  return {
    phase: TaskExecution_Phase[toSentPhase(phase)],
    message,
    logLinks: links.map(({ name, uri }) => ({ name, uri, ShowWhilePending: true, ready: true })),
    customInfo: toStruct(customInfo),
    ...(hasOutputs(outputs) ? { outputs: toOutputs(outputs) } : {}),
  };
}
