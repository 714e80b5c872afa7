/** Where Temporal's SDKs of all languages put a W3C trace context: its value is `{ traceparent, tracestate? }`. */
export const TRACE_HEADER = '_tracer-data';
/** On activities after a cancel: the context of who asked for it. */
export const CANCEL_TRACE_HEADER = '_tracer-data-cancel';
