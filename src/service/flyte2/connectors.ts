import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectorMetadata } from '../../connector/registry';
import type { ConnectorSchema } from '../generated/flyteidl2/connector/connector_pb';

/** A connector with all of its task types: this version's engine tells versions of a type apart. */
export function toConnector(connector: ConnectorMetadata): MessageInitShape<typeof ConnectorSchema> {
  const { name, supportedTaskCategories } = connector;
  return {
    name,
    supportedTaskCategories: supportedTaskCategories.map((category) => ({
      name: category.name,
      version: category.version,
    })),
  };
}
