import { readPackageVersion } from '../config/package-version';
import type { Environment } from '../config/temporal-settings';
import { ConnectorRegistry } from '../connector/registry';
import { createDatabricksConnectors, loadWorkspaces, type Workspace } from '../connectors/databricks';

export interface ConnectorSet {
  readonly registry: ConnectorRegistry;
  /** Credentials of the configured workspaces: to be redacted wherever they turn up. */
  readonly operatorSecrets: readonly string[];
  close(): Promise<void>;
}

/** Every connector that ships with Longhaul, over the workspaces of this process. */
export function createConnectorSet(env: Environment, extra: readonly Workspace[] = []): ConnectorSet {
  const workspaces = loadWorkspaces({ env, extra });
  const connectors = createDatabricksConnectors({
    workspaces,
    version: readPackageVersion(),
    ...flyteDefaults(env['FLYTE_DATABRICKS_SERVICE_CREDENTIAL_PROVIDER']),
  });
  const registry = new ConnectorRegistry();
  for (const connector of connectors) registry.register(connector);
  return {
    registry,
    operatorSecrets: workspaces.workspaces.map(secretOf),
    close: async () => {
      await Promise.all(connectors.map((connector) => connector.close()));
    },
  };
}

function flyteDefaults(provider: string | undefined): { flyte?: { serviceCredentialProvider: string } } {
  return provider === undefined ? {} : { flyte: { serviceCredentialProvider: provider } };
}

function secretOf({ auth }: Workspace): string {
  switch (auth.kind) {
    case 'pat':
      return auth.token;
    case 'oauth-m2m':
      return auth.clientSecret;
    default:
      return auth satisfies never;
  }
}
