import { setTimeout as sleep } from 'node:timers/promises';

import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  type Resource,
} from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';

import { readPackageVersion } from '../config/package-version';
import { traceActivity } from './activity-spans';
import { createClientInterceptors } from './client-spans';
import { createRpcTracer } from './rpc-tracer';
import type { Tracing } from './settings';
import type { Telemetry, TelemetryOptions } from './telemetry';
import { leaveOutUneventful } from './uneventful';

/** A collector that is away must not hold a process that wants to end. */
const FLUSH_LIMIT_MS = 3_000;
const REPORT_EVERY_MS = 60_000;

/** Starts OpenTelemetry's SDK. Baggage is not taken along: callers may put anything into it. */
export function startTelemetry(
  exporter: SpanExporter,
  { serviceName, report }: Pick<TelemetryOptions, 'serviceName' | 'report'>,
): Telemetry {
  setGlobalErrorHandler(reportNowAndThen(report));
  const provider = new BasicTracerProvider({
    resource: resourceOf(serviceName),
    spanProcessors: [leaveOutUneventful(new BatchSpanProcessor(exporter))],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    rpcTracer: createRpcTracer(),
    clientInterceptors: createClientInterceptors(),
    workerInterceptors: { activity: [traceActivity] },
    flush: () => withinLimit(provider.forceFlush()),
    close: async () => {
      await withinLimit(provider.shutdown());
      for (const api of [trace, propagation, context]) api.disable();
    },
  };
}

/** Neither host nor command line: OpenTelemetry's own detectors for them would send paths and arguments. */
function resourceOf(serviceName: string): Resource {
  const ours = { 'service.name': serviceName, 'service.version': readPackageVersion() };
  return defaultResource()
    .merge(resourceFromAttributes(ours))
    .merge(detectResources({ detectors: [envDetector] }));
}

/** Only the exporter that is used is loaded. */
export async function createExporter({ protocol }: Tracing): Promise<SpanExporter> {
  switch (protocol) {
    case 'http/protobuf':
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
    case 'grpc':
      return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter();
    default:
      return protocol satisfies never;
  }
}

async function withinLimit(work: Promise<void>): Promise<void> {
  const ending = new AbortController();
  const limit = sleep(FLUSH_LIMIT_MS, undefined, { signal: ending.signal });
  await Promise.race([work, limit]).catch(() => undefined); // what went wrong is told by the error handler
  ending.abort();
  await limit.catch(() => undefined);
}

function reportNowAndThen(report: TelemetryOptions['report']): (thrown: unknown) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (thrown) => {
    const now = performance.now();
    if (now - reportedAt < REPORT_EVERY_MS) return;
    reportedAt = now;
    report(`Traces cannot be sent: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  };
}
