import {
  context,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanOptions,
} from '@opentelemetry/api';

export interface TracedWork<T> extends SpanOptions {
  readonly name: string;
  /** Default: what is active now. */
  readonly parent?: Context;
  readonly run: (span: Span) => Promise<T>;
  readonly onResult?: (result: T, span: Span) => void;
  /** Says of an error what may leave the house. Without a status the span is no failed one. */
  readonly onError: (error: unknown, span: Span) => void;
}

/**
 * Runs work within a span that ends with it. Errors are never recorded as such: their messages and stacks may quote
 * anything.
 */
export function inSpan<T>({ name, parent, run, onResult, onError, ...options }: TracedWork<T>): Promise<T> {
  const span = trace.getTracer('longhaul').startSpan(name, options, parent ?? context.active());
  const work = async (): Promise<T> => {
    try {
      const result = await run(span);
      onResult?.(result, span);
      return result;
    } catch (error) {
      onError(error, span);
      throw error;
    } finally {
      span.end();
    }
  };
  return context.with(trace.setSpan(parent ?? context.active(), span), work);
}

/** `error.type` is OpenTelemetry's name for it. */
export function markFailed(span: Span, code: string, message?: string): void {
  span.setAttributes({ 'error.type': code, 'longhaul.code': code });
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
}

export interface TaskFacts {
  readonly taskId?: string | undefined;
  readonly taskType?: string | undefined;
  readonly phase?: string | undefined;
}

export function toAttributes({ taskId, taskType, phase }: TaskFacts): Attributes {
  return {
    ...(taskId === undefined ? {} : { 'longhaul.task.id': taskId }),
    ...(taskType === undefined ? {} : { 'longhaul.task.type': taskType }),
    ...(phase === undefined ? {} : { 'longhaul.phase': phase }),
  };
}
