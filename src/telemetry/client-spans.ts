import { SpanKind, type Span } from '@opentelemetry/api';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type ClientInterceptors,
} from '@temporalio/client';

import { codeOfGrpc } from '../temporal/grpc-errors';
import { inSpan, markFailed, toAttributes } from './spans';
import { withTraceHeader } from './trace-context';

/**
 * Spans around what Temporal is asked to begin, named as Temporal's own interceptors name them, and the trace that goes
 * on from there. Looks have none: they take as long as the call that asks for them.
 */
export function createClientInterceptors(): ClientInterceptors {
  return {
    workflow: [
      {
        startWithDetails: (input, next) =>
          asking(`StartWorkflow:${input.workflowType}`, input.options.workflowId, () =>
            next({ ...input, headers: withTraceHeader(input.headers) }),
          ),
        signalWithStart: (input, next) =>
          asking(`SignalWithStartWorkflow:${input.workflowType}`, input.options.workflowId, () =>
            next({ ...input, headers: withTraceHeader(input.headers) }),
          ),
        signal: (input, next) =>
          asking(`SignalWorkflow:${input.signalName}`, input.workflowExecution.workflowId, () =>
            next({ ...input, headers: withTraceHeader(input.headers) }),
          ),
        cancel: (input, next) =>
          asking('CancelWorkflow', input.workflowExecution.workflowId, () => next(input)),
      },
    ],
    activity: [
      {
        start: (input, next) =>
          asking(`StartActivity:${input.activityType}`, undefined, () =>
            next({ ...input, headers: withTraceHeader(input.headers) }),
          ),
      },
    ],
  };
}

function asking<T>(name: string, taskId: string | undefined, run: () => Promise<T>): Promise<T> {
  return inSpan({
    name,
    kind: SpanKind.CLIENT,
    attributes: toAttributes({ taskId }),
    run,
    onError: noteError,
  });
}

/** That a task is there already, or has ended, is an answer. */
function noteError(error: unknown, span: Span): void {
  if (error instanceof WorkflowExecutionAlreadyStartedError) span.setAttribute('longhaul.attached', true);
  else if (error instanceof WorkflowNotFoundError) span.setAttribute('longhaul.code', 'NOT_FOUND');
  else markFailed(span, codeOfGrpc(error));
}
