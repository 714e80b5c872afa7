import type { LogLevel } from '../config/environment';
import type { Logger } from '../connector/connector';
import type { JsonObject } from '../connector/json';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

/** One line per event on standard error, as the worker's. */
export function createServiceLogger(level: LogLevel): Logger {
  const write = (at: 'debug' | 'info' | 'warn', message: string, fields?: JsonObject): void => {
    if (LEVELS.indexOf(at) < LEVELS.indexOf(level)) return;
    const rest = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
    process.stderr.write(`${new Date().toISOString()} [${at.toUpperCase()}] ${message}${rest}\n`);
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
  };
}
