import { SpanKind, type Span } from '@opentelemetry/api';

import { inSpan, markFailed, toAttributes } from './spans';
import { contextOf, type TraceCarrier } from './trace-context';

export interface TracedRpc {
  /** With its service: `flyteidl.service.AsyncAgentService/GetTask`. */
  readonly method: string;
  /** Of the caller's metadata; its trace is continued. */
  readonly carrier: TraceCarrier;
}

/** How a call ended. Messages are left out: they may quote the request. */
export interface RpcEnd {
  /** gRPC's number. */
  readonly status: number;
  /** Absent when the call was answered, or its caller has gone. */
  readonly errorCode?: string | undefined;
  readonly taskId?: string | undefined;
  readonly taskType?: string | undefined;
}

/** Spans around the calls of the gRPC services. */
export interface RpcTracer {
  /** Runs a call that never rejects; what it asks Temporal for joins its trace. */
  trace<T>(rpc: TracedRpc, run: (end: (how: RpcEnd) => void) => Promise<T>): Promise<T>;
}

export function createRpcTracer(): RpcTracer {
  return {
    trace: ({ method, carrier }, run) => {
      const [service = '', name = ''] = method.split('/');
      return inSpan({
        name: method,
        kind: SpanKind.SERVER,
        parent: contextOf(carrier),
        attributes: { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': name },
        run: (span) => run((how) => noteEnd(span, how)),
        onError: (_error, span) => markFailed(span, 'INTERNAL'),
      });
    },
  };
}

function noteEnd(span: Span, { status, errorCode, taskId, taskType }: RpcEnd): void {
  span.setAttributes({ ...toAttributes({ taskId, taskType }), 'rpc.grpc.status_code': status });
  if (errorCode !== undefined) markFailed(span, errorCode);
}
