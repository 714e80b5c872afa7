import type { Grant, TokenIssuer } from './databricks-auth';
import { issueAzureToken } from './databricks-auth-azure';
import { issueGoogleIdToken, issueGoogleKeyToken } from './databricks-auth-google';
import { issueClientToken, issueExchangedToken } from './databricks-auth-oauth';
import { createSecretReader, type IssuerContext } from './databricks-identity';
import type { Workspace } from './databricks-workspace';

/** A value that is read somewhere is read again after this long, so that a rotated one is taken up. */
const REREAD_MS = 300_000;

/** The issuer of a workspace's credentials, whatever their kind. Announces each credential it hands out. */
export function createIssuer(
  { auth }: Pick<Workspace, 'auth'>,
  context: Omit<IssuerContext, 'read'>,
): TokenIssuer {
  const { ports } = context;
  const issue = chooseIssuer(auth, { ...context, read: createSecretReader(ports) });
  return {
    kind: auth.kind,
    renewable: auth.kind !== 'pat' || typeof auth.token !== 'string',
    issue: async () => {
      const grant = await issue();
      for (const value of [grant.token, ...Object.values(grant.headers ?? {})]) ports.onSecret(value);
      return grant;
    },
  };
}

function chooseIssuer(auth: Workspace['auth'], context: IssuerContext): () => Promise<Grant> {
  switch (auth.kind) {
    case 'pat':
      return async () => ({
        token: await context.read(auth.token),
        lifetimeMs: Number.POSITIVE_INFINITY,
        ...(typeof auth.token === 'string' ? {} : { refreshAfterMs: REREAD_MS }),
      });
    case 'oauth-m2m':
      return () => issueClientToken(auth, context);
    case 'oidc-federation':
      return () => issueExchangedToken(auth, context);
    case 'azure-cli':
    case 'azure-managed-identity':
    case 'azure-client-secret':
      return () => issueAzureToken(auth, context);
    case 'google-id':
      return () => issueGoogleIdToken(auth, context);
    case 'google-credentials':
      return () => issueGoogleKeyToken(auth, context);
    default:
      return auth satisfies never;
  }
}
