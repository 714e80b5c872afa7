import { parseTracing } from './settings';
import type { Telemetry, TelemetryOptions } from './telemetry';

export type { RpcTracer } from './rpc-tracer';
export type { Telemetry } from './telemetry';

const OFF: Telemetry = {
  clientInterceptors: {},
  workerInterceptors: {},
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/**
 * Tracing as the standard `OTEL_*` variables ask for it, for the whole process, so once at a time. While none asks,
 * nothing of OpenTelemetry is loaded.
 * @throws CONFIG for a variable that asks for what is not offered.
 */
export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const tracing = parseTracing(options.env);
  if (tracing === undefined) return OFF;
  const { createExporter, startTelemetry } = await import('./start-telemetry.js');
  return startTelemetry(await createExporter(tracing), options);
}
