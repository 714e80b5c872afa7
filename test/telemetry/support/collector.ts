import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace-base';

import { waitUntil } from '../../support/wait-until';

export interface CollectedSpan extends Pick<ReadableSpan, 'name' | 'status' | 'attributes' | 'events'> {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface SpanCollector {
  readonly exporter: InMemorySpanExporter;
  spans(): readonly CollectedSpan[];
  /** The first one, past or to come, that `accept` takes. */
  span(what: string, accept: (span: CollectedSpan) => boolean): Promise<CollectedSpan>;
}

/** Takes spans as an exporter does, in the process of the test. */
export function createSpanCollector(): SpanCollector {
  const exporter = new InMemorySpanExporter();
  const spans = (): CollectedSpan[] => exporter.getFinishedSpans().map(toCollected);
  return {
    exporter,
    spans,
    span: (what, accept) => waitUntil(`the span of ${what}`, () => spans().find(accept)),
  };
}

function toCollected(span: ReadableSpan): CollectedSpan {
  const { name, status, attributes, events, parentSpanContext, links } = span;
  const { traceId, spanId } = span.spanContext();
  const linked = links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId }));
  return {
    ...{ name, status, attributes, events, traceId, spanId },
    parentSpanId: parentSpanContext?.spanId,
    links: linked,
  };
}
