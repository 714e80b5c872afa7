import type { TaskExecutionMetadata } from '../../connector/task-template';
import type * as flyte1 from '../generated/flyteidl/admin/agent_pb';
import type * as flyte2 from '../generated/flyteidl2/connector/connector_pb';
import type { FlyteExecutionId } from '../tasks/task-service';

type Metadata = flyte1.TaskExecutionMetadata | flyte2.TaskExecutionMetadata;

/**
 * The attempt that a caller asks for; undefined when it names none. A part that was not sent stays an empty text, so
 * that the same request always gives the same id.
 */
export function toExecutionId(metadata: Metadata | undefined): FlyteExecutionId | undefined {
  const id = metadata?.taskExecutionId;
  if (id === undefined) return undefined;
  const node = id.nodeExecutionId;
  return {
    org: node?.executionId?.org ?? '',
    project: node?.executionId?.project ?? '',
    domain: node?.executionId?.domain ?? '',
    execution: node?.executionId?.name ?? '',
    node: node?.nodeId ?? '',
    task: id.taskId?.name ?? '',
    attempt: id.retryAttempt,
  };
}

/** Who asks; what was not sent is absent, and annotations and environment stay out. */
export function toTaskExecution(metadata: Metadata | undefined): TaskExecutionMetadata | undefined {
  if (metadata === undefined) return undefined;
  const { org, project, domain } = toExecutionId(metadata) ?? {};
  const { namespace, labels } = metadata;
  return {
    ...named('project', project),
    ...named('domain', domain),
    ...named('org', org),
    ...named('namespace', namespace),
    ...(Object.keys(labels).length === 0 ? {} : { labels: { ...labels } }),
  };
}

function named<K extends string>(key: K, text: string | undefined): Partial<Record<K, string>> {
  const entry: Partial<Record<K, string>> = {};
  if (text !== undefined && text !== '') entry[key] = text;
  return entry;
}
