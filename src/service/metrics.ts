import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From an answer out of memory to Flyte's own deadline of 10 s. */
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface CallRecord {
  /** With its service: `flyteidl.service.AsyncAgentService/GetTask`. */
  readonly method: string;
  /** As the caller named it, or absent when the call is about no task. */
  readonly taskType?: string | undefined;
  readonly seconds: number;
  /** Absent when the call was answered, or its caller has gone. */
  readonly errorCode?: string | undefined;
}

/** What a service tells Prometheus. */
export interface ServiceMetrics {
  readonly registry: Registry;
  recordCall(call: CallRecord): void;
  setTemporalReachable(reachable: boolean): void;
  /** An answer was given from memory, because Temporal was away. */
  recordStaleAnswer(): void;
}

/**
 * Metrics in a registry of their own, with those of the process. Labels are bounded: a task type that is not in
 * `taskTypes` counts as `other`, whatever callers invent, and a call about no task as `none`.
 */
export function createServiceMetrics(taskTypes: Iterable<string>): ServiceMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const { requests, errors, durations, temporal, stale } = createInstruments(registry);
  const known = new Set(taskTypes);
  return {
    registry,
    recordCall: ({ method, taskType, seconds, errorCode }) => {
      const labels = { method, task_type: toLabel(known, taskType) };
      requests.inc(labels);
      durations.observe(labels, seconds);
      if (errorCode !== undefined) errors.inc({ ...labels, code: errorCode });
    },
    setTemporalReachable: (reachable) => temporal.set(reachable ? 1 : 0),
    recordStaleAnswer: () => stale.inc(),
  };
}

function toLabel(known: ReadonlySet<string>, taskType: string | undefined): string {
  if (taskType === undefined) return 'none';
  return known.has(taskType) ? taskType : 'other';
}

interface PrometheusInstruments {
  readonly requests: Counter<'method' | 'task_type'>;
  readonly errors: Counter<'method' | 'task_type' | 'code'>;
  readonly durations: Histogram<'method' | 'task_type'>;
  readonly temporal: Gauge;
  readonly stale: Counter;
}

function createInstruments(registry: Registry): PrometheusInstruments {
  const registers = [registry];
  const labelNames = ['method', 'task_type'] as const;
  return {
    requests: new Counter({
      name: 'longhaul_rpc_requests_total',
      help: 'Calls that have ended, however they ended.',
      labelNames,
      registers,
    }),
    errors: new Counter({
      name: 'longhaul_rpc_errors_total',
      help: 'Calls that failed, by the code of the error table; canceled ones are none.',
      labelNames: [...labelNames, 'code'],
      registers,
    }),
    durations: new Histogram({
      name: 'longhaul_rpc_duration_seconds',
      help: 'Time from a call to its answer.',
      buckets: DURATION_BUCKETS_SECONDS,
      labelNames,
      registers,
    }),
    temporal: new Gauge({
      name: 'longhaul_temporal_reachable',
      help: '1 while Temporal answers, else 0.',
      registers,
    }),
    stale: new Counter({
      name: 'longhaul_stale_answers_total',
      help: 'Answers given from memory while Temporal was away.',
      registers,
    }),
  };
}
