import { DefaultLogger, Runtime, type LogEntry, type LogLevel as TemporalLogLevel } from '@temporalio/worker';

import type { LogLevel } from '../config/environment';

/**
 * Temporal's SDK speaks at this level, on standard error, one line per event. With `metricsAddress` (`host:port`) its
 * metrics and ours are served there for Prometheus. Once per process, before any worker.
 */
export function installRuntimeLogger(level: LogLevel, metricsAddress?: string): void {
  const temporalLevel = TEMPORAL_LEVELS[level];
  const metrics =
    metricsAddress === undefined ? {} : { metrics: { prometheus: { bindAddress: metricsAddress } } };
  Runtime.install({
    logger: new DefaultLogger(temporalLevel, writeEntry),
    telemetryOptions: {
      logging: { filter: { core: temporalLevel, other: 'ERROR' }, forward: {} },
      ...metrics,
    },
  });
}

/** Said of every worker that serves activities alone, as ours of the connectors do on purpose. */
const EXPECTED = 'No workflows registered, not polling for workflow tasks';

function writeEntry({ level, message, timestampNanos, meta }: LogEntry): void {
  if (message === EXPECTED) return;
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  const fields = meta === undefined ? '' : ` ${JSON.stringify(meta)}`;
  process.stderr.write(`${time} [${level}] ${message}${fields}\n`);
}

const TEMPORAL_LEVELS = {
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
  silent: 'ERROR',
} as const satisfies Record<LogLevel, TemporalLogLevel>;
