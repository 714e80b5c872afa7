import { create } from '@bufbuild/protobuf';
import { createConnectorMetadata } from '../../../src/service/flyte2/connector-metadata';
import {
  GetConnectorRequestSchema,
  ListConnectorsRequestSchema,
} from '../../../src/service/generated/flyteidl2/connector/connector_pb';
import { CONNECTORS } from '../flyte/connector-lists';
import { recordCall, recordTasks } from '../flyte/recorded-tasks';

const { tasks } = recordTasks({ connectors: CONNECTORS });
const service = createConnectorMetadata(tasks);

test('every version of a task type is listed: the engine tells them apart', async () => {
  const { connectors } = await service.listConnectors(create(ListConnectorsRequestSchema), recordCall());
  expect(connectors).toEqual(
    CONNECTORS.map(({ name, supportedTaskCategories }) => ({ name, supportedTaskCategories })),
  );
});

test('a connector alone is the same as in the list, and an unknown one is not found', async () => {
  const ask = (name: string): Promise<unknown> =>
    service.getConnector(create(GetConnectorRequestSchema, { name }), recordCall());
  const supportedTaskCategories = [{ name: 'databricks', version: 1 }];
  expect(await ask('New')).toEqual({ connector: { name: 'New', supportedTaskCategories } });
  await expect(ask('Nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
