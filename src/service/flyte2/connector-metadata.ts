import type { ConnectorMetadataService } from '../generated/flyteidl2/connector/service_pb';
import type { Handlers } from '../handlers';
import type { TaskService } from '../tasks/task-service';
import { toConnector } from './connectors';

/** Flyte 2's `ConnectorMetadataService`. Asks nobody: a failed list takes all of its task types from the engine. */
export function createConnectorMetadata(tasks: TaskService): Handlers<typeof ConnectorMetadataService> {
  return {
    async getConnector({ name }) {
      return { connector: toConnector(tasks.connector(name)) };
    },
    async listConnectors() {
      return { connectors: tasks.connectors().map(toConnector) };
    },
  };
}
