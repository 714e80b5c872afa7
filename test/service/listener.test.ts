import { createServer } from 'node:net';
import { setLogger, status as grpcStatus } from '@grpc/grpc-js';

import { AsyncAgentService } from '../../src/service/generated/flyteidl/service/agent_pb';
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../src/service/generated/health/v1/health_pb';
import { waitUntil } from '../support/wait-until';
import { connect, failureOf } from './support/rpc-client';
import { startTestListener } from './support/test-listener';

const { getTask, deleteTask } = AsyncAgentService.method;

beforeAll(() => {
  setLogger({}); // of a port that cannot be had grpc-js speaks on standard error too
});

test('it listens on 127.0.0.1 unless told otherwise', async () => {
  const listener = await startTestListener();
  expect(listener.host).toBe('127.0.0.1');
  await listener.drain({ graceMs: 0 });
});

test('a port in use is CONFIG, naming the address and the mend', async () => {
  const listener = await startTestListener();
  const { port } = listener;
  await expect(startTestListener({}, { port })).rejects.toMatchObject({
    code: 'CONFIG',
    message: `The address 127.0.0.1:${port} for the gRPC services is already in use.`,
    advice: 'Stop the process that listens there, or choose another port.',
  });
  await listener.drain({ graceMs: 0 });
});

test('an address that is not of this machine is CONFIG', async () => {
  await expect(startTestListener({}, { host: '192.0.2.1' })).rejects.toMatchObject({ code: 'CONFIG' });
});

describe('drain', () => {
  test('says NOT_SERVING first, serves on while it gives notice, then refuses new calls and lets open ones end', async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const agent = {
      getTask: () => held.then(() => ({ resource: { message: 'done' } })),
      deleteTask: async () => ({}),
    };
    const listener = await startTestListener({ agent }, { drainNoticeMs: 1500 });
    const client = connect(listener.port);
    const open = client.unary(getTask, {});
    const watching = client.stream(Health.method.watch, [{}])[Symbol.asyncIterator]();
    await watching.next();

    const drained = listener.drain({ graceMs: 30_000 });
    expect(await watching.next()).toMatchObject({ value: { status: ServingStatus.NOT_SERVING } });
    await client.unary(deleteTask, {});

    expect(await watching.next()).toMatchObject({ done: true });
    const late = connect(listener.port);
    expect((await failureOf(late.unary(deleteTask, {}))).code).toBe(grpcStatus.UNAVAILABLE);
    release?.();
    expect((await open).resource?.message).toBe('done');
    await drained;
    client.close();
    late.close();
    expect(await canListen(listener.port)).toBe(true);
  });

  test('cuts what is still open after its grace, and tells the handler', async () => {
    let signal: AbortSignal | undefined;
    const agent = {
      getTask: (_: unknown, call: { readonly signal: AbortSignal }) => {
        signal = call.signal;
        return new Promise<never>(() => undefined);
      },
    };
    const listener = await startTestListener({ agent });
    const client = connect(listener.port);
    const failed = failureOf(client.unary(getTask, {}));
    const seen = await waitUntil('the call', () => signal);
    await listener.drain({ graceMs: 100 });
    expect([grpcStatus.UNAVAILABLE, grpcStatus.CANCELLED, grpcStatus.UNKNOWN]).toContain((await failed).code);
    await waitUntil('the signal', () => seen.aborted || undefined);
    client.close();
  });

  test('twice is once', async () => {
    const listener = await startTestListener();
    const first = listener.drain({ graceMs: 10_000 });
    expect(listener.drain({ graceMs: 0 })).toBe(first);
    await first;
    await listener.drain({ graceMs: 0 });
  });

  test('Temporal coming back makes nothing SERVING again', async () => {
    const listener = await startTestListener({}, { drainNoticeMs: 1000 });
    const client = connect(listener.port);
    await client.unary(Health.method.check, {});
    const drained = listener.drain({ graceMs: 0 });
    listener.setTemporal(true);
    const { status } = await client.unary(Health.method.check, { service: 'temporal' });
    expect(status).toBe(ServingStatus.NOT_SERVING);
    await drained;
    client.close();
  });
});

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
