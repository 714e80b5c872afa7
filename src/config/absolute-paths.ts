import { resolve } from 'node:path';

import type { Environment } from './temporal-settings';

/** Variables that name a file of this machine, and are read by the engine too. */
export const PATH_VARIABLES = [
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'DATABRICKS_CONFIG_FILE',
  'DATABRICKS_OIDC_TOKEN_FILEPATH',
  'FLYTE_DATABRICKS_OIDC_TOKEN_FILE',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'GOOGLE_CREDENTIALS',
  'LONGHAUL_KUBERNETES_CA_FILE',
  'LONGHAUL_KUBERNETES_TOKEN_FILE',
  'LONGHAUL_SEALING_KEYS_FILE',
  'LONGHAUL_WORKSPACES',
  'TEMPORAL_CLI_PATH',
  'TEMPORAL_CONFIG_FILE',
  'TEMPORAL_TLS_CLIENT_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_KEY_PATH',
  'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
] as const;

/**
 * The environment for a process in another folder: each relative path of a file becomes absolute, as seen from `folder`.
 * A path in the user's home (`~/…`) and credentials given as JSON stay as they are.
 */
export function withAbsolutePaths(env: Environment, folder: string): Environment {
  const paths = PATH_VARIABLES.flatMap((name) => {
    const value = env[name]?.trim() ?? '';
    return value === '' || /^[~{]/.test(value) ? [] : [[name, resolve(folder, value)] as const];
  });
  return { ...env, ...Object.fromEntries(paths) };
}
