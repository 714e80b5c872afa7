import { Context } from '@temporalio/activity';

import type { ErrorCode } from '../src/connector/errors';

/** How one call of a connector ended. */
export type CallOutcome = 'ok' | 'canceled' | ErrorCode;

/**
 * Counts one call of a connector and how long it took, beside Temporal's own worker metrics. Labels are bounded (task
 * type, activity, outcome) and hold nothing a task was given.
 */
export function recordCall(taskType: string, outcome: CallOutcome, durationMs: number): void {
  const { metricMeter, info } = Context.current();
  const labels = { task_type: taskType, activity: info.activityType, outcome };
  metricMeter.createCounter(CALLS, '1', 'Calls of connectors by outcome').add(1, labels);
  metricMeter
    .createHistogram(DURATION, 'int', 'ms', 'Duration of calls of connectors')
    .record(durationMs, labels);
}

const CALLS = 'longhaul_connector_calls';
const DURATION = 'longhaul_connector_call_duration';
