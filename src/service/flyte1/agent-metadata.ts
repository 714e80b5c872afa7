import type { AgentMetadataService } from '../generated/flyteidl/service/agent_pb';
import type { Handlers } from '../handlers';
import type { TaskService } from '../tasks/task-service';
import { toAgent } from './connectors';

/** Flyte 1's `AgentMetadataService`. Asks nobody: a failed list takes all of its task types from the engine. */
export function createAgentMetadata(tasks: TaskService): Handlers<typeof AgentMetadataService> {
  return {
    async getAgent({ name }) {
      return { agent: toAgent(tasks.connector(name), tasks.connectors()) };
    },
    async listAgents() {
      const all = tasks.connectors();
      return { agents: all.map((connector) => toAgent(connector, all)) };
    },
  };
}
