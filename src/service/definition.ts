import {
  create,
  fromBinary,
  toBinary,
  type DescMethod,
  type DescService,
  type Message,
} from '@bufbuild/protobuf';

import { LonghaulError } from '../connector/errors';
import type { Handlers, RpcCall } from './handlers';

interface MethodName {
  /** As in metrics and logs: `flyteidl.service.AsyncAgentService/GetTask`. */
  readonly name: string;
  /** Its own name, `GetTask`. */
  readonly shortName: string;
}

export interface UnaryMethod extends MethodName {
  readonly kind: 'unary';
  answer(request: Uint8Array, call: RpcCall): Promise<Buffer>;
}

export interface StreamingMethod extends MethodName {
  readonly kind: 'server_streaming' | 'bidi_streaming';
  /** With `server_streaming` there is exactly one request. */
  answer(requests: AsyncIterable<Uint8Array>, call: RpcCall): AsyncIterable<Buffer>;
}

/**
 * A method as functions over bytes. Decoding and encoding happen in here and not in the server, so that what goes wrong
 * with either becomes a status like every other error: a garbage request is INVALID_TASK, a bad reply INTERNAL.
 */
export type ServedMethod = UnaryMethod | StreamingMethod;

export interface ServedService {
  readonly descriptor: DescService;
  readonly methods: readonly ServedMethod[];
}

/** One service to be served, its handlers checked against its descriptor. */
export function serve<S extends DescService>(descriptor: S, handlers: Handlers<S>): ServedService {
  const byName = handlers as Readonly<Record<string, unknown>>; // the types of S are gone behind its descriptor
  const methods = descriptor.methods.map((method) => toServedMethod(method, byName[method.localName]));
  return { descriptor, methods };
}

type AnyReply = Readonly<Record<string, unknown>>;
type UnaryHandler = (request: Message, call: RpcCall) => Promise<AnyReply>;
type ServerStreamingHandler = (request: Message, call: RpcCall) => AsyncIterable<AnyReply>;
type BidiStreamingHandler = (requests: AsyncIterable<Message>, call: RpcCall) => AsyncIterable<AnyReply>;

function toServedMethod(method: DescMethod, handler: unknown): ServedMethod {
  const { methodKind: kind } = method;
  const names = { name: `${method.parent.typeName}/${method.name}`, shortName: method.name };
  // Each cast says what `Handlers` has already checked for this kind of method.
  switch (kind) {
    case 'unary':
      return { ...names, kind, answer: answerOnce(method, handler as UnaryHandler) };
    case 'server_streaming': {
      const answer = answerMany(method, takeOnly(handler as ServerStreamingHandler));
      return { ...names, kind, answer };
    }
    case 'bidi_streaming':
      return { ...names, kind, answer: answerMany(method, handler as BidiStreamingHandler) };
    case 'client_streaming':
      throw new LonghaulError('INTERNAL', `${names.name}: client streaming is not served.`);
    default:
      return kind satisfies never;
  }
}

function answerOnce(method: DescMethod, handler: UnaryHandler): UnaryMethod['answer'] {
  return async (request, call) => encode(method, await handler(decode(method, request), call));
}

function answerMany(method: DescMethod, handler: BidiStreamingHandler): StreamingMethod['answer'] {
  return async function* (requests, call) {
    for await (const reply of handler(decodeAll(method, requests), call)) yield encode(method, reply);
  };
}

function takeOnly(handler: ServerStreamingHandler): BidiStreamingHandler {
  return async function* (requests, call) {
    for await (const request of requests) yield* handler(request, call);
  };
}

async function* decodeAll(method: DescMethod, requests: AsyncIterable<Uint8Array>): AsyncGenerator<Message> {
  for await (const request of requests) yield decode(method, request);
}

/** @throws INVALID_TASK. */
function decode({ input }: DescMethod, bytes: Uint8Array): Message {
  try {
    return fromBinary(input, bytes);
  } catch (cause) {
    const advice = 'Send a message of this type.';
    throw new LonghaulError('INVALID_TASK', `The request is no ${input.typeName}.`, { cause, advice });
  }
}

/** @throws what protobuf-es throws for a reply that does not fit its type: a defect of ours. */
function encode({ output }: DescMethod, reply: AnyReply): Buffer {
  const bytes = toBinary(output, create(output, reply));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
