import { DefaultLogger, Runtime, type LogLevel as TemporalLogLevel } from '@temporalio/worker';

import type { LogLevel } from '../config/environment';

/** Temporal's SDK speaks at this level, on standard error, one line per event. Once per process, before any worker. */
export function installRuntimeLogger(level: LogLevel): void {
  const temporalLevel = TEMPORAL_LEVELS[level];
  Runtime.install({
    logger: new DefaultLogger(temporalLevel),
    telemetryOptions: { logging: { filter: { core: temporalLevel, other: 'ERROR' }, forward: {} } },
  });
}

const TEMPORAL_LEVELS = {
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
  silent: 'ERROR',
} as const satisfies Record<LogLevel, TemporalLogLevel>;
