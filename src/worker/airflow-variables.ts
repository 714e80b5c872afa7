import type { Environment, TemporalSettings } from '../config/temporal-settings';

export interface AirflowVariablesOptions {
  readonly env: Environment;
  readonly home: string;
  readonly temporal: Pick<TemporalSettings, 'address' | 'namespace'>;
  readonly secretsAllow: readonly string[];
  readonly sealingKeysFile?: string | undefined;
}

/**
 * What the Python worker is started with: our own environment, and what we made of it, so that both workers of a
 * machine speak to one Temporal and open the same secrets. Credentials for Temporal stay where they are: the worker
 * reads the same variables and profile.
 */
export function airflowWorkerVariables({
  env,
  home,
  temporal,
  secretsAllow,
  sealingKeysFile,
}: AirflowVariablesOptions): Environment {
  return {
    ...env,
    LONGHAUL_HOME: home,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    LONGHAUL_SECRETS_ALLOW: secretsAllow.join(','),
    ...(sealingKeysFile === undefined ? {} : { LONGHAUL_SEALING_KEYS_FILE: sealingKeysFile }),
  };
}

/** Of a Temporal of our own nobody's profile must be used: it would bring the keys of another. */
export function withoutTemporalProfile(env: Environment): Environment {
  const own = Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  return { ...Object.fromEntries(own), TEMPORAL_CONFIG_FILE: '/dev/null' };
}

export interface SimulatedWorkspace {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly token: string;
}

/**
 * Connections that exist in a metadata database only, and so nowhere here: Airflow's usual ids, for a machine on which
 * somebody tries things out. What is set already stays.
 */
export function simulatedConnections({ url, token }: SimulatedWorkspace): Environment {
  const { hostname, port } = new URL(url);
  const databricks = {
    conn_type: 'databricks',
    host: hostname,
    schema: 'http',
    port: Number(port),
    password: token,
  };
  return {
    AIRFLOW_CONN_DATABRICKS_DEFAULT: JSON.stringify(databricks),
    AIRFLOW_CONN_FS_DEFAULT: JSON.stringify({ conn_type: 'fs', extra: { path: '/' } }),
    AIRFLOW_CONN_HTTP_DEFAULT: JSON.stringify({
      conn_type: 'http',
      host: hostname,
      schema: 'http',
      port: Number(port),
    }),
  };
}
