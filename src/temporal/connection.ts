import { Client, Connection, isGrpcServiceError, type ClientOptions } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { plainTemporalSettings, type TemporalSettings } from '../config/temporal-settings';
import { LonghaulError, type ErrorCode } from '../connector/errors';
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
 * @throws UNAVAILABLE, UNAUTHENTICATED or PERMISSION_DENIED, naming the address and the mend.
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

/** The connection that `Worker.create` needs. The caller closes it. @throws as {@link connectClient}. */
export async function connectWorker(settings: TemporalSettings | string): Promise<NativeConnection> {
  const { connection, address } = toSettings(settings);
  try {
    return await NativeConnection.connect(connection);
  } catch (error) {
    throw toConnectionError(error, address);
  }
}

function toSettings(settings: TemporalSettings | string): TemporalSettings {
  return typeof settings === 'string' ? plainTemporalSettings(settings) : settings;
}

const UNAUTHENTICATED_STATUS = 16;
const PERMISSION_DENIED_STATUS = 7;

function toConnectionError(error: unknown, address: string): LonghaulError {
  const code = codeOf(error);
  if (code === 'UNAVAILABLE') {
    return new LonghaulError(code, `Temporal at ${address} cannot be reached: ${messageOf(error)}`, {
      cause: error,
      advice:
        'Start it, or check TEMPORAL_ADDRESS and TEMPORAL_TLS; without TEMPORAL_ADDRESS Longhaul runs its own.',
    });
  }
  return new LonghaulError(code, `Temporal at ${address} refuses the connection: ${messageOf(error)}`, {
    cause: error,
    advice: 'Check TEMPORAL_API_KEY, the client certificate and TEMPORAL_NAMESPACE.',
  });
}

function codeOf(error: unknown): Extract<ErrorCode, 'UNAVAILABLE' | 'UNAUTHENTICATED' | 'PERMISSION_DENIED'> {
  const cause = error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : error;
  const status: number | undefined = isGrpcServiceError(cause) ? cause.code : undefined;
  if (status === UNAUTHENTICATED_STATUS) return 'UNAUTHENTICATED';
  return status === PERMISSION_DENIED_STATUS ? 'PERMISSION_DENIED' : 'UNAVAILABLE';
}
