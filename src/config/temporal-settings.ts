import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { LonghaulError } from '../connector/errors';

/** Temporal's own default, used where an address is needed and none is configured. */
const DEFAULT_ADDRESS = 'localhost:7233';
const DEFAULT_NAMESPACE = 'default';

export type TemporalConnectionOptions = ClientConnectConfig['connectionOptions'];

/** How to reach Temporal. `connection` may hold an API key or TLS keys: never log or serialize it. */
export interface TemporalSettings {
  /** Has somebody named a Temporal (TEMPORAL_ADDRESS, or a profile with an address)? If not, the engine serves. */
  readonly configured: boolean;
  readonly address: string;
  readonly namespace: string;
  readonly connection: TemporalConnectionOptions;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads Temporal's standard variables and profiles (`temporal.toml`), as the Temporal CLI does.
 * @throws CONFIG when a file or profile is named that cannot be read.
 */
export function loadTemporalSettings(env: Environment): TemporalSettings {
  const { connectionOptions, namespace } = loadProfile(env);
  const address = connectionOptions.address ?? DEFAULT_ADDRESS;
  return {
    configured: connectionOptions.address !== undefined,
    address,
    namespace: namespace ?? DEFAULT_NAMESPACE,
    connection: { ...connectionOptions, address },
  };
}

/** The settings of a plain, local Temporal such as the engine's. */
export function plainTemporalSettings(address: string, namespace = DEFAULT_NAMESPACE): TemporalSettings {
  return { configured: true, address, namespace, connection: { address } };
}

function loadProfile(env: Environment): ClientConnectConfig {
  try {
    return loadClientConnectConfig({ overrideEnvVars: withoutBlanks(env) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LonghaulError('CONFIG', `The Temporal client configuration cannot be read: ${reason}`, {
      cause: error,
      advice: 'Check TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE and the TEMPORAL_TLS_* variables.',
    });
  }
}

/** A variable set to nothing counts as not set, as everywhere in Longhaul. */
function withoutBlanks(env: Environment): Record<string, string> {
  const given = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, value] as const],
  );
  return Object.fromEntries(given);
}
