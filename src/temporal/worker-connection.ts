import { NativeConnection } from '@temporalio/worker';
import type { TemporalSettings } from '../config/temporal-settings';
import { toConnectionError, toSettings } from './connection';

/**
 * The connection that `Worker.create` needs; apart from `connectClient` because the worker's native core is slow to load.
 * The caller closes it. @throws as `connectClient`.
 */
export async function connectWorker(settings: TemporalSettings | string): Promise<NativeConnection> {
  const { connection, address } = toSettings(settings);
  try {
    return await NativeConnection.connect(connection);
  } catch (error) {
    throw toConnectionError(error, address);
  }
}
