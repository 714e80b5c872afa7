import { context, propagation, trace, type Context, type Link } from '@opentelemetry/api';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';

import { isJsonObject } from '../connector/json';
import { CANCEL_TRACE_HEADER, TRACE_HEADER } from '../connector/trace-headers';

/** W3C's `traceparent` and `tracestate`, by name. */
export type TraceCarrier = Readonly<Record<string, string>>;

/** The context that a caller sent along; without a usable one a new trace begins. */
export function contextOf(carrier: unknown): Context {
  return isJsonObject(carrier) ? propagation.extract(context.active(), carrier) : context.active();
}

/** Temporal headers with the span that is active now. */
export function withTraceHeader(headers: Headers): Headers {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return { ...headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(carrier) };
}

/** What an activity belongs to: its task's trace. */
export function parentOf(headers: Headers): Context {
  return contextOf(readHeader(headers, TRACE_HEADER));
}

/** What an activity was brought about by, in perhaps another trace: a cancel. */
export function linksOf(headers: Headers): Link[] {
  const asked = trace.getSpanContext(contextOf(readHeader(headers, CANCEL_TRACE_HEADER)));
  return asked === undefined ? [] : [{ context: asked }];
}

/** A header that cannot be read costs the trace, never the activity. */
function readHeader(headers: Headers, name: string): unknown {
  const payload = headers[name];
  if (payload === undefined) return undefined;
  try {
    return defaultPayloadConverter.fromPayload<unknown>(payload);
  } catch {
    return undefined;
  }
}
