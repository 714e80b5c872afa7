import { resolve } from 'node:path';

import type { AzureEnvironment, AzureWorkspace, WorkspaceAuth } from './databricks-workspace';

/** Settings of one workspace by Databricks' own names, as a profile has them. */
export type Settings = Readonly<Record<string, string | undefined>>;

/** Databricks' unified names: the variable of each key of a profile. */
export const SETTING_VARIABLES: Readonly<Record<string, string>> = {
  host: 'DATABRICKS_HOST',
  token: 'DATABRICKS_TOKEN',
  client_id: 'DATABRICKS_CLIENT_ID',
  client_secret: 'DATABRICKS_CLIENT_SECRET',
  auth_type: 'DATABRICKS_AUTH_TYPE',
  audience: 'DATABRICKS_TOKEN_AUDIENCE',
  oidc_token_env: 'DATABRICKS_OIDC_TOKEN_ENV',
  oidc_token_filepath: 'DATABRICKS_OIDC_TOKEN_FILEPATH',
  azure_workspace_resource_id: 'DATABRICKS_AZURE_RESOURCE_ID',
  azure_client_id: 'ARM_CLIENT_ID',
  azure_client_secret: 'ARM_CLIENT_SECRET',
  azure_tenant_id: 'ARM_TENANT_ID',
  azure_use_msi: 'ARM_USE_MSI',
  azure_environment: 'ARM_ENVIRONMENT',
  google_service_account: 'DATABRICKS_GOOGLE_SERVICE_ACCOUNT',
  google_credentials: 'GOOGLE_CREDENTIALS',
};

/** Where Databricks' tools look for an identity token that no variable names. */
const OIDC_TOKEN_VARIABLE = 'DATABRICKS_OIDC_TOKEN';

interface AuthMethod {
  /** Databricks' own words for it, ours first. */
  readonly names: readonly string[];
  /** What is missing when it is asked for and {@link read} finds nothing. */
  readonly needs: string;
  /** True where only `auth_type` chooses it: its settings alone say nothing. */
  readonly onlyByName?: boolean;
  read(settings: Settings): WorkspaceAuth | undefined;
}

const METHODS: readonly AuthMethod[] = [
  {
    names: ['pat'],
    needs: 'a token',
    read: ({ token }) => (token === undefined ? undefined : { kind: 'pat', token }),
  },
  {
    names: ['oauth-m2m'],
    needs: 'a client id and a client secret',
    read: ({ client_id: clientId, client_secret: clientSecret }) =>
      clientId === undefined || clientSecret === undefined
        ? undefined
        : { kind: 'oauth-m2m', clientId, clientSecret },
  },
  {
    names: ['file-oidc', 'oidc-federation'],
    needs: 'a file with an identity token (oidc_token_filepath)',
    read: (settings) =>
      settings['oidc_token_filepath'] === undefined
        ? undefined
        : federated(settings, `file:${resolve(settings['oidc_token_filepath'])}`),
  },
  {
    names: ['env-oidc'],
    needs: 'the name of the variable with an identity token (oidc_token_env)',
    read: (settings) =>
      settings['oidc_token_env'] === undefined && !isMethod(settings, 'env-oidc')
        ? undefined
        : federated(settings, `env:${settings['oidc_token_env'] ?? OIDC_TOKEN_VARIABLE}`),
  },
  {
    names: ['github-oidc'],
    needs: 'nothing more',
    onlyByName: true,
    read: (settings) => ({
      kind: 'oidc-federation',
      source: { kind: 'github' },
      ...exchangeOf(settings),
    }),
  },
  {
    names: ['azure-devops-oidc'],
    needs: 'nothing more',
    onlyByName: true,
    read: (settings) => ({
      kind: 'oidc-federation',
      source: { kind: 'azure-devops' },
      ...exchangeOf(settings),
    }),
  },
  {
    names: ['azure-client-secret'],
    needs: 'azure_client_id and azure_client_secret',
    read: (settings) => {
      const { azure_client_id: clientId, azure_client_secret: clientSecret } = settings;
      if (clientId === undefined || clientSecret === undefined) return undefined;
      return {
        kind: 'azure-client-secret',
        clientId,
        clientSecret,
        ...azureOf(settings),
        ...tenantOf(settings),
      };
    },
  },
  {
    names: ['azure-msi', 'azure-managed-identity'],
    needs: 'azure_use_msi = true',
    read: (settings) => {
      const isAsked = settings['azure_use_msi']?.toLowerCase() === 'true' || isMethod(settings, 'azure-msi');
      if (!isAsked) return undefined;
      const { azure_client_id: clientId } = settings;
      const ofClient = clientId === undefined ? {} : { clientId };
      return { kind: 'azure-managed-identity', ...ofClient, ...azureOf(settings) };
    },
  },
  {
    names: ['azure-cli'],
    needs: 'nothing more',
    onlyByName: true,
    read: (settings) => ({ kind: 'azure-cli', ...azureOf(settings), ...tenantOf(settings) }),
  },
  {
    names: ['google-credentials'],
    needs: 'google_credentials',
    read: ({ google_credentials: credentials }) =>
      credentials === undefined ? undefined : { kind: 'google-credentials', credentials },
  },
  {
    names: ['google-id'],
    needs: 'google_service_account',
    read: ({ google_service_account: serviceAccount }) =>
      serviceAccount === undefined ? undefined : { kind: 'google-id', serviceAccount },
  },
];

/** What the settings are good for: every kind that they are complete for, the chosen one first; or why there is none. */
export function judgeAuth(settings: Settings): readonly [WorkspaceAuth, ...WorkspaceAuth[]] | string {
  const asked = settings['auth_type'];
  const found = METHODS.filter(({ onlyByName }) => onlyByName !== true).flatMap((method) => {
    const auth = method.read(settings);
    return auth === undefined ? [] : [auth];
  });
  if (asked === undefined) return chooseOnly(found);
  const method = METHODS.find(({ names }) => names.includes(normalizeName(asked)));
  if (method === undefined) return `auth type ${asked} is not supported (supported: ${knownNames()})`;
  const auth = method.read(settings);
  if (auth === undefined) return `auth type ${asked} needs ${method.needs}`;
  return [auth, ...found.filter(({ kind }) => kind !== auth.kind)];
}

function chooseOnly(found: readonly WorkspaceAuth[]): readonly [WorkspaceAuth] | string {
  const [only, ...others] = found;
  if (only === undefined) {
    return 'it has neither a token nor a client id with a client secret, nor what another kind needs';
  }
  if (others.length === 0) return [only];
  const kinds = found.map(({ kind }) => kind).join(', ');
  return `more than one authorization method is configured (${kinds}); choose one by its auth type`;
}

function normalizeName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

function isMethod({ auth_type: asked }: Settings, name: string): boolean {
  const names = METHODS.find((method) => method.names.includes(name))?.names ?? [];
  return asked !== undefined && names.includes(normalizeName(asked));
}

function knownNames(): string {
  return METHODS.map(({ names }) => names[0]).join(', ');
}

function federated(settings: Settings, reference: string): WorkspaceAuth {
  const source = { kind: 'token', token: { $secret: reference } } as const;
  return { kind: 'oidc-federation', source, ...exchangeOf(settings) };
}

function exchangeOf({ client_id: clientId, audience }: Settings): { clientId?: string; audience?: string } {
  return {
    ...(clientId === undefined ? {} : { clientId }),
    ...(audience === undefined ? {} : { audience }),
  };
}

function azureOf(settings: Settings): AzureWorkspace {
  const { azure_workspace_resource_id: resourceId } = settings;
  const environment = toEnvironment(settings['azure_environment']);
  return {
    ...(resourceId === undefined ? {} : { resourceId }),
    ...(environment === undefined ? {} : { environment }),
  };
}

const ENVIRONMENTS: readonly AzureEnvironment[] = ['PUBLIC', 'USGOVERNMENT', 'CHINA'];

/** Terraform writes them in lower case. */
function toEnvironment(text: string | undefined): AzureEnvironment | undefined {
  return ENVIRONMENTS.find((environment) => environment === text?.toUpperCase());
}

function tenantOf({ azure_tenant_id: tenantId }: Settings): { tenantId?: string } {
  return tenantId === undefined ? {} : { tenantId };
}
