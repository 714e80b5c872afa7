import type { SecretText, Workspace, WorkspaceAuth } from './databricks-workspace';

/** Values that stand in the configuration itself; what is referred to is announced when it is read. */
export function literalSecretsOf({ auth, otherAuths = [] }: Workspace): string[] {
  return [auth, ...otherAuths]
    .flatMap(secretsOf)
    .filter((value): value is string => typeof value === 'string');
}

function secretsOf(auth: WorkspaceAuth): SecretText[] {
  switch (auth.kind) {
    case 'pat':
      return [auth.token];
    case 'oauth-m2m':
    case 'azure-client-secret':
      return [auth.clientSecret];
    case 'oidc-federation':
      return auth.source.kind === 'token' ? [auth.source.token] : [];
    case 'google-credentials':
      return [auth.credentials];
    case 'azure-cli':
    case 'azure-managed-identity':
    case 'google-id':
      return [];
    default:
      return auth satisfies never;
  }
}
