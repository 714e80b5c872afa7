import { once } from 'node:events';
import { status as GrpcStatus } from '@grpc/grpc-js';
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServerDuplexStream,
  ServerWritableStream,
  ServiceDefinition,
  StatusObject,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';

import type { Logger } from '../connector/connector';
import type { LonghaulError } from '../connector/errors';
import type { RpcTracer } from '../telemetry';
import type { ServedMethod, ServedService, StreamingMethod, UnaryMethod } from './definition';
import type { RpcCall } from './handlers';
import type { ServiceMetrics } from './metrics';
import { openCall, type CallEnding, type OpenCall, type SurfaceCall } from './rpc-call';
import { canceledStatus, deadlineStatus, toLonghaulError, toStatus } from './status';

/** How the transport shows what happens. */
export interface Instruments {
  readonly logger: Logger;
  readonly metrics: ServiceMetrics;
  /** Absent: calls are not traced. */
  readonly tracer?: RpcTracer | undefined;
}

export interface RpcOptions extends Instruments {
  /** For callers without a deadline; default 30 s. */
  readonly defaultTimeoutMs?: number | undefined;
}

/**
 * The one wrapper around every handler. Whatever a handler does, a call is answered before its deadline and never
 * outlives it; a canceled call is no failure; everything else that is thrown is logged once, counted, and leaves as
 * the status of its code. A handler that goes on after the end of its call is heard no more: its signal has fired.
 */
export function toGrpcService(
  service: ServedService,
  options: RpcOptions,
): { definition: ServiceDefinition; implementation: UntypedServiceImplementation } {
  const entries = service.methods.map((method) => [method.shortName, method] as const);
  return {
    definition: Object.fromEntries(entries.map(([name, method]) => [name, toDefinition(method)])),
    implementation: Object.fromEntries(entries.map(([name, method]) => [name, toGrpcCall(method, options)])),
  };
}

function toDefinition({ name, kind }: ServedMethod): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/${name}`,
    requestStream: kind === 'bidi_streaming',
    responseStream: kind !== 'unary',
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function toGrpcCall(method: ServedMethod, options: RpcOptions): UntypedHandleCall {
  switch (method.kind) {
    case 'unary':
      return toUnaryCall(method, options);
    case 'server_streaming':
      return toServerStreamingCall(method, options);
    case 'bidi_streaming':
      return toBidiStreamingCall(method, options);
    default:
      return method satisfies never;
  }
}

function toUnaryCall(method: UnaryMethod, options: RpcOptions): handleUnaryCall<Buffer, Buffer> {
  return (surface, callback) => {
    void attend({ method, surface, options }, (call) => method.answer(surface.request, call)).then(
      (answer) => {
        if (answer.ok) callback(null, answer.value);
        else callback(answer.status);
      },
    );
  };
}

function toServerStreamingCall(
  method: StreamingMethod,
  options: RpcOptions,
): handleServerStreamingCall<Buffer, Buffer> {
  return (surface) => {
    const work = (call: RpcCall): Promise<void> => {
      return pump(method.answer(only(surface.request), call), surface, call.signal);
    };
    void attend({ method, surface, options }, work).then((answer) => finish(surface, answer));
  };
}

function toBidiStreamingCall(
  method: StreamingMethod,
  options: RpcOptions,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (surface) => {
    const work = (call: RpcCall): Promise<void> => {
      // A handler that has read enough may stop reading; by default that would destroy the way back as well.
      const requests = surface.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>; // typed `any` by Node
      return pump(method.answer(requests, call), surface, call.signal);
    };
    void attend({ method, surface, options }, work).then((answer) => finish(surface, answer));
  };
}

type WritableCall = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

async function* only(request: Buffer): AsyncGenerator<Buffer> {
  yield request;
}

/** Takes the next reply only when the caller has room for it. */
async function pump(replies: AsyncIterable<Buffer>, to: WritableCall, signal: AbortSignal): Promise<void> {
  for await (const reply of replies) {
    if (signal.aborted) return;
    if (!to.write(reply)) await once(to, 'drain', { signal });
  }
}

function finish(surface: WritableCall, answer: Answer<void>): void {
  if (answer.ok) surface.end();
  else surface.emit('error', answer.status); // grpc-js's way to end a stream with a status
}

type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly status: StatusObject };

type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: LonghaulError }
  | CallEnding;

interface Attended {
  readonly method: ServedMethod;
  readonly surface: SurfaceCall;
  readonly options: RpcOptions;
}

/** Never rejects. */
async function attend<T>(attended: Attended, work: (call: RpcCall) => Promise<T>): Promise<Answer<T>> {
  const startedAt = performance.now();
  const open = openCall(attended.surface, attended.options.defaultTimeoutMs);
  const outcome = await traced(attended, open, () => settle(open, work));
  open.close();
  note(attended, outcome, { taskType: open.taskType(), seconds: (performance.now() - startedAt) / 1000 });
  return toAnswer(outcome);
}

function traced<T>(
  { method, surface, options }: Attended,
  open: OpenCall,
  run: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  if (options.tracer === undefined) return run();
  return options.tracer.trace({ method: method.name, carrier: carrierOf(surface) }, async (end) => {
    const outcome = await run();
    const answer = toAnswer(outcome);
    const status = answer.ok ? GrpcStatus.OK : answer.status.code;
    end({ status, errorCode: toFailure(outcome)?.code, taskId: open.taskId(), taskType: open.taskType() });
    return outcome;
  });
}

/** Source: W3C Trace Context. */
const TRACE_KEYS = ['traceparent', 'tracestate'] as const;

function carrierOf({ metadata }: SurfaceCall): Readonly<Record<string, string>> {
  const pairs = TRACE_KEYS.map((key) => [key, metadata.get(key)[0]] as const);
  return Object.fromEntries(
    pairs.filter((pair): pair is [(typeof TRACE_KEYS)[number], string] => typeof pair[1] === 'string'),
  );
}

async function settle<T>(open: OpenCall, work: (call: RpcCall) => Promise<T>): Promise<Outcome<T>> {
  try {
    const done = work(open.call).then((value) => ({ kind: 'done', value }) as const);
    return await Promise.race([done, open.ended]);
  } catch (thrown) {
    return open.ending() ?? { kind: 'failed', error: toLonghaulError(thrown) };
  }
}

function toAnswer<T>(outcome: Outcome<T>): Answer<T> {
  switch (outcome.kind) {
    case 'done':
      return { ok: true, value: outcome.value };
    case 'failed':
      return { ok: false, status: toStatus(outcome.error) };
    case 'deadline':
      return { ok: false, status: deadlineStatus() };
    case 'canceled':
      return { ok: false, status: canceledStatus() };
    default:
      return outcome satisfies never;
  }
}

interface CallFacts {
  readonly taskType: string | undefined;
  readonly seconds: number;
}

function note(
  { method, options }: Attended,
  outcome: Outcome<unknown>,
  { taskType, seconds }: CallFacts,
): void {
  const failure = toFailure(outcome);
  options.metrics.recordCall({ method: method.name, taskType, seconds, errorCode: failure?.code });
  if (failure !== undefined) logFailure(options.logger, { method: method.name, taskType, ...failure });
}

interface Failure {
  /** One of the error table, or DEADLINE_EXCEEDED for an answer that did not come. */
  readonly code: string;
  readonly message: string;
  /** For our own defects only. */
  readonly stack?: string | undefined;
}

function toFailure(outcome: Outcome<unknown>): Failure | undefined {
  if (outcome.kind === 'deadline') {
    return { code: 'DEADLINE_EXCEEDED', message: 'no answer before the deadline' };
  }
  if (outcome.kind !== 'failed') return undefined;
  const { code, message } = outcome.error;
  return code === 'INTERNAL' ? { code, message, stack: stackOf(outcome.error) } : { code, message };
}

function stackOf(error: LonghaulError): string | undefined {
  return error.cause instanceof Error ? error.cause.stack : error.stack;
}

interface LoggedFailure extends Failure {
  readonly method: string;
  readonly taskType?: string | undefined;
}

/** One line for people; programs read its fields. */
export function logFailure(logger: Logger, { method, taskType, code, message, stack }: LoggedFailure): void {
  const fields = {
    method,
    code,
    ...(taskType === undefined ? {} : { taskType }),
    ...(stack === undefined ? {} : { stack }),
  };
  const of = taskType === undefined ? '' : ` of a ${taskType} task`;
  logger.warn(`${method}${of} failed with ${code}: ${message}`, fields);
}
