import type { DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';

/** One call from outside, as handlers see it. */
export interface RpcCall {
  /** When the caller stops waiting, epoch milliseconds; never infinite. */
  readonly deadline: number;
  /** Fires when the caller has gone or the deadline has passed. */
  readonly signal: AbortSignal;
  /** Names the task type for the metrics, once it is known. */
  noteTaskType(name: string): void;
  /** Names the task for traces, once it is known. */
  noteTaskId(id: string): void;
}

type Request<M extends DescMethod> = MessageShape<M['input']>;
type Reply<M extends DescMethod> = MessageInitShape<M['output']>;

type Handler<M extends DescMethod> = M['methodKind'] extends 'unary'
  ? (request: Request<M>, call: RpcCall) => Promise<Reply<M>>
  : M['methodKind'] extends 'server_streaming'
    ? (request: Request<M>, call: RpcCall) => AsyncIterable<Reply<M>>
    : (requests: AsyncIterable<Request<M>>, call: RpcCall) => AsyncIterable<Reply<M>>;

/** One function for each method of a service; what it throws becomes a status. */
export type Handlers<S extends DescService> = {
  readonly [K in keyof S['method']]: Handler<S['method'][K]>;
};
