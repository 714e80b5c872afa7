import { create, toJson } from '@bufbuild/protobuf';

import type { RpcClient } from './support/rpc-client';
import { connect } from './support/rpc-client';
import { learnServices } from './support/reflection-client';
import { startTestListener, type TestListener } from './support/test-listener';

const SERVED = [
  'flyteidl.service.AgentMetadataService',
  'flyteidl.service.AsyncAgentService',
  'flyteidl.service.SyncAgentService',
  'flyteidl2.connector.AsyncConnectorService',
  'flyteidl2.connector.ConnectorMetadataService',
  'grpc.health.v1.Health',
];

let listener: TestListener;
let client: RpcClient;

beforeAll(async () => {
  listener = await startTestListener({
    agent: {
      getTask: async ({ resourceMeta }) => ({
        resource: { message: Buffer.from(resourceMeta).toString(), customInfo: { run: { id: '4711' } } },
      }),
    },
  });
  client = connect(listener.port);
});

afterAll(async () => {
  client.close();
  await listener.drain({ graceMs: 0 });
});

test.each(['v1', 'v1alpha'] as const)(
  'reflection %s lists every service, and all that they import resolves',
  async (version) => {
    const { names, registry } = await learnServices(client, version);
    expect([...names].sort()).toEqual(SERVED);
    for (const name of SERVED) expect(registry.getService(name)?.methods.length).toBeGreaterThan(0);
  },
);

test('a client that knows nothing but reflection can call a method, with maps and the standard types', async () => {
  const { registry } = await learnServices(client);
  const method = registry.getService('flyteidl.service.AsyncAgentService')?.method['getTask'];
  if (method === undefined) throw new Error('GetTask is not described.');
  const reply = await client.unary(method, create(method.input, { resourceMeta: Buffer.from('meta') }));
  expect(toJson(method.output, reply)).toMatchObject({
    resource: { message: 'meta', customInfo: { run: { id: '4711' } } },
  });
});

test('a map of the health service is described as a map', async () => {
  const { registry } = await learnServices(client);
  const statuses = registry.getMessage('grpc.health.v1.HealthListResponse')?.field['statuses'];
  expect(statuses?.fieldKind).toBe('map');
});
