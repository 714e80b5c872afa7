import type { Headers } from '@temporalio/common';
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

import { CANCEL_TRACE_HEADER, TRACE_HEADER } from '../src/connector/trace-headers';

/**
 * Hands the trace context that a task was started with on to its activities and to its next run, and that of a cancel to
 * what stops the job. It makes no spans: a task may be open for weeks, and its times are in its history. A task that was
 * started without a context is left as it is.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let kept: Headers = {};
  const keep = (name: string, header: Headers[string] | undefined): void => {
    if (header !== undefined) kept = { ...kept, [name]: header };
  };
  const withKept = <T extends { readonly headers: Headers }>(input: T): T => {
    return { ...input, headers: { ...kept, ...input.headers } };
  };
  // No `async`: another turn of the event loop could change the order of commands in older histories.
  return {
    inbound: [
      {
        execute: (input, next) => {
          for (const name of [TRACE_HEADER, CANCEL_TRACE_HEADER]) keep(name, input.headers[name]);
          return next(input);
        },
        handleSignal: (input, next) => {
          if (input.signalName === 'cancel') keep(CANCEL_TRACE_HEADER, input.headers[TRACE_HEADER]);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(withKept(input)),
        continueAsNew: (input, next) => next(withKept(input)),
      },
    ],
  };
};
