import type { ClientInterceptors } from '@temporalio/client';
import type { WorkerInterceptors } from '@temporalio/worker';

import type { RpcTracer } from './rpc-tracer';

/** What of a process is to be traced, ready to be handed in; all of it empty while tracing is off. */
export interface Telemetry {
  readonly rpcTracer?: RpcTracer;
  readonly clientInterceptors: ClientInterceptors;
  readonly workerInterceptors: WorkerInterceptors;
  /** Sends what has ended so far; gives up after a few seconds and never rejects. */
  flush(): Promise<void>;
  /** The same, for the last time. */
  close(): Promise<void>;
}

export interface TelemetryOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unless `OTEL_SERVICE_NAME` says otherwise. */
  readonly serviceName: string;
  /** Told, at most once a minute, that traces cannot be sent. */
  readonly report: (message: string) => void;
}
