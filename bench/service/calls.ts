import { randomUUID } from 'node:crypto';

import * as grpc from '@grpc/grpc-js';
import { Client, Connection } from '@temporalio/client';

import { PLACEHOLDER } from './placeholder';

/** What the load generator calls, again and again. */
export type LoadTarget =
  | {
      readonly kind: 'grpc';
      readonly address: string;
      readonly path: string;
      /** Base64 of whole requests, taken in turn; a placeholder in them is made a new name for each call. */
      readonly requests: readonly string[];
    }
  | { readonly kind: 'describe'; readonly address: string; readonly workflowIds: readonly string[] }
  | { readonly kind: 'start'; readonly address: string; readonly input: string };

/** Few enough to be like engines, enough not to be the limit. */
const CONNECTIONS = 4;
const DEADLINE_MS = 30_000;

export async function createCalls(target: LoadTarget): Promise<() => Promise<void>> {
  switch (target.kind) {
    case 'grpc':
      return createGrpcCalls(target);
    case 'describe':
      return createDescribes(target);
    case 'start':
      return createStarts(target);
    default:
      return target satisfies never;
  }
}

function inTurn<T>(items: readonly T[]): () => T {
  let next = 0;
  return () => {
    const item = items[next % items.length];
    next += 1;
    if (item === undefined) throw new RangeError('nothing to take turns');
    return item;
  };
}

function createGrpcCalls({ address, path, requests }: LoadTarget & { kind: 'grpc' }): () => Promise<void> {
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const clients = Array.from(
    { length: CONNECTIONS },
    () => new grpc.Client(address, grpc.credentials.createInsecure(), options),
  );
  const [client, request] = [inTurn(clients), inTurn(requests.map(createRequest))];
  return () => callRaw(client(), path, request()()).then(() => undefined);
}

/** One unary call, bytes in and bytes out. */
export function callRaw(client: grpc.Client, path: string, request: Buffer): Promise<Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  const options = { deadline: Date.now() + DEADLINE_MS };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      same,
      same,
      request,
      new grpc.Metadata(),
      options,
      (error: grpc.ServiceError | null, reply?: Buffer) => {
        if (error !== null) reject(error);
        else resolve(reply ?? Buffer.alloc(0));
      },
    );
  });
}

/** The bytes again for each call, the placeholder replaced by a name of the same length. */
export function createRequest(base64: string): () => Buffer {
  const bytes = Buffer.from(base64, 'base64');
  const places: number[] = [];
  for (let at = bytes.indexOf(PLACEHOLDER); at >= 0; at = bytes.indexOf(PLACEHOLDER, at + 1)) places.push(at);
  if (places.length === 0) return () => bytes;
  return () => {
    const [copy, name] = [Buffer.from(bytes), newName()];
    for (const at of places) copy.write(name, at, 'latin1');
    return copy;
  };
}

function newName(): string {
  return `b${randomUUID().replaceAll('-', '')}`.slice(0, PLACEHOLDER.length);
}

async function createDescribes(target: LoadTarget & { kind: 'describe' }): Promise<() => Promise<void>> {
  const { workflowService } = await Connection.connect({ address: target.address });
  const workflowId = inTurn(target.workflowIds);
  return async () => {
    await workflowService.describeWorkflowExecution({
      namespace: 'default',
      execution: { workflowId: workflowId() },
    });
  };
}

async function createStarts(target: LoadTarget & { kind: 'start' }): Promise<() => Promise<void>> {
  const client = new Client({ connection: await Connection.connect({ address: target.address }) });
  return async () => {
    const workflowId = newName();
    await client.workflow.start('idle', { workflowId, taskQueue: 'bench-idle', args: [target.input] });
  };
}
