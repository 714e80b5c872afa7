import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

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

export interface OtlpCollector {
  readonly url: string;
  /** Path and body of each request. */
  readonly received: readonly { readonly path: string; readonly body: string }[];
  close(): void;
}

/** An OTLP collector over HTTP. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const received: { readonly path: string; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url ?? '', body: Buffer.concat(chunks).toString() });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
