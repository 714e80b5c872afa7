import { credentials, makeGenericClientConstructor, status as grpcStatus } from '@grpc/grpc-js';
import { service as standardDefinition } from 'grpc-health-check';

import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../src/service/generated/health/v1/health_pb';
import { connect, errorInfoOf, failureOf, readAll, type RpcClient } from './support/rpc-client';
import { startTestListener, type TestListener } from './support/test-listener';

const { check, watch, list } = Health.method;
const FLYTE_SERVICES = [
  'flyteidl.service.AsyncAgentService',
  'flyteidl.service.SyncAgentService',
  'flyteidl.service.AgentMetadataService',
  'flyteidl2.connector.AsyncConnectorService',
  'flyteidl2.connector.ConnectorMetadataService',
];

let listener: TestListener;
let client: RpcClient;

beforeEach(async () => {
  listener = await startTestListener();
  client = connect(listener.port);
});

afterEach(async () => {
  client.close();
  await listener.drain({ graceMs: 0 });
});

async function statusOf(service: string): Promise<string> {
  return ServingStatus[(await client.unary(check, { service })).status];
}

function openWatch(service: string): AsyncIterator<{ readonly status: ServingStatus }> {
  return client.stream(watch, [{ service }])[Symbol.asyncIterator]();
}

describe('Check', () => {
  test.each(['', ...FLYTE_SERVICES])('"%s" is SERVING', async (service) => {
    expect(await statusOf(service)).toBe('SERVING');
  });

  test('an unknown service is NOT_FOUND', async () => {
    const failure = await failureOf(client.unary(check, { service: 'nope' }));
    expect(failure.code).toBe(grpcStatus.NOT_FOUND);
    expect(errorInfoOf(failure)?.reason).toBe('NOT_FOUND');
  });

  test('"temporal" follows Temporal, and the services stay SERVING without it', async () => {
    expect(await statusOf('temporal')).toBe('UNKNOWN');
    listener.setTemporal(true);
    expect(await statusOf('temporal')).toBe('SERVING');
    listener.setTemporal(false);
    expect(await statusOf('temporal')).toBe('NOT_SERVING');
    expect(await statusOf('flyteidl.service.AsyncAgentService')).toBe('SERVING');
  });

  test('a client with the standard definition understands the answer', async () => {
    const Standard = makeGenericClientConstructor(standardDefinition, 'Health');
    const standard = new Standard(`localhost:${listener.port}`, credentials.createInsecure());
    const reply = await new Promise((resolve) => {
      standard['check']?.({ service: '' }, (_: unknown, answer: unknown) => resolve(answer));
    });
    standard.close();
    expect(reply).toEqual({ status: 'SERVING' });
  });
});

test('List names every service with its status', async () => {
  const { statuses } = await client.unary(list, {});
  expect(Object.keys(statuses).sort()).toEqual(['', 'temporal', ...FLYTE_SERVICES].sort());
  expect(statuses['']?.status).toBe(ServingStatus.SERVING);
});

describe('Watch', () => {
  test('tells the status at once and then each change, but nothing twice', async () => {
    const seen = openWatch('temporal');
    expect(await seen.next()).toMatchObject({ value: { status: ServingStatus.UNKNOWN } });
    listener.setTemporal(true);
    expect(await seen.next()).toMatchObject({ value: { status: ServingStatus.SERVING } });
    listener.setTemporal(true);
    listener.setTemporal(false);
    expect(await seen.next()).toMatchObject({ value: { status: ServingStatus.NOT_SERVING } });
  });

  test('of an unknown service is SERVICE_UNKNOWN and stays open', async () => {
    const seen = openWatch('nope');
    expect(await seen.next()).toMatchObject({ value: { status: ServingStatus.SERVICE_UNKNOWN } });
    const drained = listener.drain({ graceMs: 30_000 });
    expect(await seen.next()).toMatchObject({ done: true }); // it lasted until the drain
    await drained;
  });

  test('sees NOT_SERVING of a drain before the connection goes, and does not hold it up', async () => {
    const replies = readAll(client.stream(watch, [{ service: FLYTE_SERVICES[0] ?? '' }]));
    expect(await statusOf('')).toBe('SERVING'); // on the same connection: the watch has begun
    await listener.drain({ graceMs: 50_000 });
    const statuses = (await replies).map(({ status }) => ServingStatus[status]);
    expect(statuses).toEqual(['SERVING', 'NOT_SERVING']);
  });
});
