import { Client, Connection, type ClientOptions } from '@temporalio/client';
import { plainTemporalSettings, type TemporalSettings } from '../config/temporal-settings';
import { LonghaulError } from '../connector/errors';
import { codeOfGrpc } from './grpc-errors';
import { messageOf } from './run-command';

export interface TemporalClient {
  readonly connection: Connection;
  readonly client: Client;
  readonly namespace: string;
}

export interface ConnectClientOptions extends Omit<ClientOptions, 'connection' | 'namespace'> {
  /** Default 10 s. */
  readonly connectTimeoutMs?: number;
}

/**
 * Connects a client; `settings` may be the plain address of a local Temporal, such as the engine's.
 * The caller closes `connection`. It reconnects by itself after an outage.
 * @throws UNAVAILABLE, UNAUTHENTICATED, PERMISSION_DENIED or CONFIG, naming the address and the mend.
 */
export async function connectClient(
  settings: TemporalSettings | string,
  { connectTimeoutMs = 10_000, ...clientOptions }: ConnectClientOptions = {},
): Promise<TemporalClient> {
  const { connection: connectionOptions, namespace, address } = toSettings(settings);
  const connection = Connection.lazy({ ...connectionOptions, connectTimeout: connectTimeoutMs });
  try {
    await connection.ensureConnected();
  } catch (error) {
    await connection.close();
    throw toConnectionError(error, address);
  }
  return { connection, namespace, client: new Client({ ...clientOptions, connection, namespace }) };
}

/** `settings` as such, or the plain address of a local Temporal. */
export function toSettings(settings: TemporalSettings | string): TemporalSettings {
  return typeof settings === 'string' ? plainTemporalSettings(settings) : settings;
}

/** A failed connection, naming the address and the mend. */
export function toConnectionError(error: unknown, address: string): LonghaulError {
  const code = codeOfGrpc(error);
  if (code === 'UNAVAILABLE') {
    return new LonghaulError(code, `Temporal at ${address} cannot be reached: ${messageOf(error)}`, {
      cause: error,
      advice:
        'Start it, or check TEMPORAL_ADDRESS and TEMPORAL_TLS; without TEMPORAL_ADDRESS Longhaul runs its own.',
    });
  }
  const refusal = code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED' ? code : 'CONFIG';
  return new LonghaulError(refusal, `Temporal at ${address} refuses the connection: ${messageOf(error)}`, {
    cause: error,
    advice: 'Check TEMPORAL_API_KEY, the client certificate and TEMPORAL_NAMESPACE.',
  });
}
