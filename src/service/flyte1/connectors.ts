import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectorMetadata } from '../../connector/registry';
import type { TaskCategory } from '../../connector/task-template';
import type { AgentSchema } from '../generated/flyteidl/admin/agent_pb';

type Agent = MessageInitShape<typeof AgentSchema>;

/**
 * A connector as an agent, among all that are listed. The engine keeps one version of a task type, the one it reads
 * last, and sends all other versions elsewhere; so each type is listed once, with its lowest version, because tasks
 * are of version 0 unless they say otherwise. The deprecated `supported_task_types` means version 0.
 */
export function toAgent(connector: ConnectorMetadata, all: readonly ConnectorMetadata[]): Agent {
  const categories = connector.supportedTaskCategories.filter((category) => isLowest(category, all));
  return {
    name: connector.name,
    isSync: connector.capabilities.synchronous,
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- older engines know no other list
    supportedTaskTypes: categories.filter(({ version }) => version === 0).map(({ name }) => name),
    supportedTaskCategories: categories.map(({ name, version }) => ({ name, version })),
  };
}

function isLowest({ name, version }: TaskCategory, all: readonly ConnectorMetadata[]): boolean {
  const known = all.flatMap(({ supportedTaskCategories }) => supportedTaskCategories);
  return known.every((other) => other.name !== name || other.version >= version);
}
