import { create } from '@bufbuild/protobuf';
import { createAgentMetadata } from '../../../src/service/flyte1/agent-metadata';
import {
  GetAgentRequestSchema,
  ListAgentsRequestSchema,
} from '../../../src/service/generated/flyteidl/admin/agent_pb';
import { CONNECTORS } from '../flyte/connector-lists';
import { recordCall, recordTasks } from '../flyte/recorded-tasks';

const { tasks } = recordTasks({ connectors: CONNECTORS });
const service = createAgentMetadata(tasks);

const DATABRICKS = {
  name: 'Databricks',
  isSync: false,
  supportedTaskTypes: ['spark', 'databricks'],
  supportedTaskCategories: [
    { name: 'spark', version: 0 },
    { name: 'databricks', version: 0 },
  ],
};

test('each task type is listed once, with its lowest version: the engine keeps one only', async () => {
  const { agents } = await service.listAgents(create(ListAgentsRequestSchema), recordCall());
  expect(agents).toEqual([
    { name: 'New', isSync: false, supportedTaskTypes: [], supportedTaskCategories: [] },
    DATABRICKS,
    {
      ...{ name: 'Chat', isSync: true },
      supportedTaskTypes: [],
      supportedTaskCategories: [{ name: 'chat', version: 2 }],
    },
  ]);
});

test('an agent alone is the same as in the list', async () => {
  const { agent } = await service.getAgent(
    create(GetAgentRequestSchema, { name: 'Databricks' }),
    recordCall(),
  );
  expect(agent).toEqual(DATABRICKS);
});

test('an unknown agent is not found', async () => {
  const asked = service.getAgent(create(GetAgentRequestSchema, { name: 'Nobody' }), recordCall());
  await expect(asked).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
