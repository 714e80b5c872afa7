import type { JsonObject as Struct } from '@bufbuild/protobuf';
import type { TaskMetric } from '../../connector/connector';

/** Named in the manner of Flyte's own (`EXECUTION_METRIC_USED_CPU_AVG`), in Prometheus' base unit. */
const DURATIONS = {
  EXECUTION_METRIC_QUEUE_SECONDS: 'queueMs',
  EXECUTION_METRIC_SETUP_SECONDS: 'setupMs',
  EXECUTION_METRIC_EXECUTION_SECONDS: 'executionMs',
  EXECUTION_METRIC_CLEANUP_SECONDS: 'cleanupMs',
  EXECUTION_METRIC_TOTAL_SECONDS: 'totalMs',
} as const satisfies Record<string, keyof TaskMetric>;

/** `ExecutionMetricResult` of either version. */
export interface MetricResult {
  readonly metric: string;
  readonly data: Struct;
}

export interface MetricsQuery {
  /** Names of metrics; empty asks for all. A name we do not measure is answered by nothing. */
  readonly queries: readonly string[];
  /** When the figures were read, epoch milliseconds: they have no times of their own. */
  readonly at: number;
}

/**
 * Durations as Prometheus' range result (`matrix`): for each metric one series per task and attempt, with one sample.
 * What was not measured is left out, and so is a metric without any series.
 */
export function toMetricResults(
  metrics: readonly TaskMetric[],
  { queries, at }: MetricsQuery,
): MetricResult[] {
  const asked = Object.entries(DURATIONS).filter(([name]) => queries.length === 0 || queries.includes(name));
  return asked.flatMap(([metric, field]) => {
    const result = metrics.flatMap((task) => toSeries(task, task[field], at));
    return result.length === 0 ? [] : [{ metric, data: { resultType: 'matrix', result } }];
  });
}

/** Sample values are texts in Prometheus' format. */
function toSeries(task: TaskMetric, durationMs: number | undefined, at: number): Struct[] {
  if (durationMs === undefined) return [];
  const labels = { task: task.name, attempt: String(task.attempt), phase: task.phase };
  return [{ metric: labels, values: [[at / 1000, String(durationMs / 1000)]] }];
}
