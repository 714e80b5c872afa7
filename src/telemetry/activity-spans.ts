import { SpanKind, type Span } from '@opentelemetry/api';
import type { Info } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';

import { isJsonObject } from '../connector/json';
import { inSpan, markFailed, toAttributes } from './spans';
import { linksOf, parentOf } from './trace-context';
import { UNEVENTFUL_ATTRIBUTE } from './uneventful';

/**
 * A span for each try of an activity, in the trace of its task. Of tries that see nothing new only the first of an
 * activity is sent: the last one has their number.
 */
export const traceActivity: ActivityInterceptorsFactory = ({ info }) => ({
  inbound: {
    execute: (input, next) =>
      inSpan({
        name: `RunActivity:${info.activityType}`,
        kind: SpanKind.SERVER,
        parent: parentOf(input.headers),
        links: linksOf(input.headers),
        attributes: { ...toAttributes(factsOf(info, input.args)), 'longhaul.try': info.attempt },
        run: () => next(input),
        onResult: (result, span) => {
          span.setAttributes(toAttributes({ phase: phaseOf(result) }));
        },
        onError: (error, span) => noteError(error, span, info.attempt),
      }),
  },
});

function factsOf({ workflowExecution }: Info, [input]: unknown[]): Parameters<typeof toAttributes>[0] {
  const taskType = textAt(input, 'taskCategory', 'name');
  return { taskId: workflowExecution?.workflowId, taskType };
}

/** What create, get, execute and repair observed, or what delete saw last. */
function phaseOf(result: unknown): string | undefined {
  return textAt(result, 'observation', 'resource', 'phase') ?? textAt(result, 'resource', 'phase');
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = path.reduce((at: unknown, key) => (isJsonObject(at) ? at[key] : undefined), value);
  return typeof found === 'string' ? found : undefined;
}

function noteError(error: unknown, span: Span, attempt: number): void {
  if (error instanceof CancelledFailure) span.setAttribute('longhaul.canceled', true);
  else if (!(error instanceof ApplicationFailure)) markFailed(span, 'INTERNAL');
  else if (error.category === ApplicationFailureCategory.BENIGN) noteBenign(error, span, attempt);
  else markFailed(span, error.type ?? 'INTERNAL', sayableOf(error));
}

/** A state in words, not an error: "nothing changed", "not seen stopped yet". */
function noteBenign({ type, details }: ApplicationFailure, span: Span, attempt: number): void {
  const [snapshot] = details ?? [];
  const trouble = textAt(snapshot, 'trouble', 'code');
  span.setAttributes({
    ...toAttributes({ phase: textAt(snapshot, 'phase') }),
    ...(typeof type === 'string' ? { 'longhaul.outcome': type } : {}),
    ...(trouble === undefined ? {} : { 'longhaul.code': trouble }),
    ...(trouble === undefined && attempt > 1 ? UNEVENTFUL_ATTRIBUTE : {}),
  });
}

/** Redacted by the wrapper around every connector; yet what is wrong with a task is told by quoting it. */
function sayableOf({ type, message }: ApplicationFailure): string | undefined {
  return type === 'INVALID_TASK' ? undefined : message;
}
