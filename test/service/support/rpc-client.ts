import {
  create,
  fromBinary,
  toBinary,
  type DescMethod,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  Client,
  credentials as grpcCredentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';

import { ErrorInfoSchema, type ErrorInfo } from '../../../src/service/generated/google/rpc/error_details_pb';
import { StatusSchema } from '../../../src/service/generated/google/rpc/status_pb';

export interface CallExtras {
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A gRPC client of any service, over protobuf-es types. */
export interface RpcClient {
  unary<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M['input']>,
    extras?: CallExtras,
  ): Promise<MessageShape<M['output']>>;
  /** Sends the requests, half-closes, gives the replies as they come. */
  stream<M extends DescMethod>(
    method: M,
    requests: Iterable<MessageInitShape<M['input']>>,
    extras?: CallExtras,
  ): AsyncIterable<MessageShape<M['output']>>;
  /** As it is on the wire. */
  raw(path: string, request: Buffer, extras?: CallExtras): Promise<Buffer>;
  /** For tests that steer a stream message by message. */
  open(path: string): ClientDuplexStream<Buffer, Buffer>;
  close(): void;
}

export function connect(
  port: number,
  credentials: ChannelCredentials = grpcCredentials.createInsecure(),
): RpcClient {
  const client = new Client(`localhost:${port}`, credentials, {
    'grpc.use_local_subchannel_pool': 1, // a connection of its own
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': -1,
  });
  const raw: RpcClient['raw'] = (path, request, extras = {}) => callRaw(client, { path, request, extras });
  return {
    unary: async (method, request, extras) => {
      const bytes = Buffer.from(toBinary(method.input, create(method.input, request)));
      return decodeReply(method, await raw(pathOf(method), bytes, extras));
    },
    async *stream(method, requests, extras = {}) {
      const call = client.makeBidiStreamRequest(
        pathOf(method),
        asIs,
        asIs,
        toMetadata(extras),
        toOptions(extras),
      );
      for (const request of requests) {
        call.write(Buffer.from(toBinary(method.input, create(method.input, request))));
      }
      call.end();
      for await (const bytes of call as AsyncIterable<Buffer>) yield decodeReply(method, bytes);
    },
    raw,
    open: (path) => client.makeBidiStreamRequest(path, asIs, asIs),
    close: () => client.close(),
  };
}

interface RawCall {
  readonly path: string;
  readonly request: Buffer;
  readonly extras: CallExtras;
}

function callRaw(client: Client, { path, request, extras }: RawCall): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, reply?: Buffer): void => {
      if (reply === undefined) reject(error ?? new Error('There was neither a reply nor an error.'));
      else resolve(reply);
    };
    const options = toOptions(extras);
    const call = client.makeUnaryRequest(path, asIs, asIs, request, toMetadata(extras), options, done);
    extras.signal?.addEventListener('abort', () => call.cancel());
  });
}

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function decodeReply<M extends DescMethod>({ output }: M, bytes: Buffer): MessageShape<M['output']> {
  const message: Message = fromBinary(output, bytes);
  return message as MessageShape<M['output']>; // the compiler does not see through M
}

function toMetadata({ metadata = {} }: CallExtras): Metadata {
  const made = new Metadata();
  for (const [key, value] of Object.entries(metadata)) made.set(key, value);
  return made;
}

function toOptions({ timeoutMs }: CallExtras): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** The failure of a call that has to fail. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as ServiceError; // grpc-js rejects with nothing else
  }
  throw new Error('The call did not fail.');
}

/** The ErrorInfo of a failure; undefined when it carries none. */
export function errorInfoOf(failure: ServiceError): ErrorInfo | undefined {
  const [bytes] = failure.metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(bytes)) return undefined;
  const [detail] = fromBinary(StatusSchema, bytes).details;
  return detail === undefined ? undefined : anyUnpack(detail, ErrorInfoSchema);
}

export async function readAll<T>(replies: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const reply of replies) all.push(reply);
  return all;
}
