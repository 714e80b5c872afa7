import { toMetricResults } from '../../../src/service/flyte/metrics';

const METRICS = [
  { name: 'etl', attempt: 0, phase: 'FAILED', executionMs: 1_500, totalMs: 2_000 },
  { name: 'etl', attempt: 1, phase: 'RUNNING', queueMs: 0 },
];

test('each metric has a series per task and attempt, in seconds, in Prometheus’ range format', () => {
  expect(toMetricResults(METRICS, { queries: [], at: 1_700_000_000_500 })).toEqual([
    result('EXECUTION_METRIC_QUEUE_SECONDS', { task: 'etl', attempt: '1', phase: 'RUNNING' }, '0'),
    result('EXECUTION_METRIC_EXECUTION_SECONDS', { task: 'etl', attempt: '0', phase: 'FAILED' }, '1.5'),
    result('EXECUTION_METRIC_TOTAL_SECONDS', { task: 'etl', attempt: '0', phase: 'FAILED' }, '2'),
  ]);
});

function result(metric: string, labels: object, value: string): object {
  return {
    metric,
    data: { resultType: 'matrix', result: [{ metric: labels, values: [[1_700_000_000.5, value]] }] },
  };
}

test('only what was asked for is answered; what nobody measures is not', () => {
  const queries = ['EXECUTION_METRIC_USED_CPU_AVG', 'EXECUTION_METRIC_TOTAL_SECONDS'];
  const names = toMetricResults(METRICS, { queries, at: 0 }).map(({ metric }) => metric);
  expect(names).toEqual(['EXECUTION_METRIC_TOTAL_SECONDS']);
});
