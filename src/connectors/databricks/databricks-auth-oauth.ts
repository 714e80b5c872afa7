import { LonghaulError } from '../../connector';
import type { Grant } from './databricks-auth';
import { askForeignEndpoint, parseGrant, TOKEN_PATH } from './databricks-auth-endpoint';
import type { IssuerContext } from './databricks-identity';
import { textAt } from './databricks-json';
import type { OidcFederationAuth, WorkspaceAuth } from './databricks-workspace';

const WHO = 'The Databricks token endpoint';

/** OAuth client credentials; as the SDKs do, with HTTP Basic. */
export async function issueClientToken(
  auth: Extract<WorkspaceAuth, { kind: 'oauth-m2m' }>,
  { askWorkspace, read }: IssuerContext,
): Promise<Grant> {
  const clientId = await read(auth.clientId);
  const clientSecret = await read(auth.clientSecret);
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const answer = await askWorkspace({
    headers: { authorization: `Basic ${basic}` },
    form: { grant_type: 'client_credentials', scope: 'all-apis' },
    secrets: [clientSecret, basic],
  });
  return parseGrant(answer, WHO);
}

/** OAuth token exchange (RFC 8693) of somebody else's token for one of the workspace. */
export async function issueExchangedToken(auth: OidcFederationAuth, context: IssuerContext): Promise<Grant> {
  const token = await readIdentityToken(auth, context);
  const clientId = auth.clientId === undefined ? undefined : await context.read(auth.clientId);
  const answer = await context.askWorkspace({
    form: {
      ...(clientId === undefined ? {} : { client_id: clientId }),
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      scope: 'all-apis',
    },
    secrets: [token],
  });
  return parseGrant(answer, WHO);
}

async function readIdentityToken(auth: OidcFederationAuth, context: IssuerContext): Promise<string> {
  const { source } = auth;
  const audience = auth.audience ?? `${context.host}${TOKEN_PATH}`;
  const { onSecret } = context.ports;
  const announced = (token: string): string => {
    onSecret(token);
    return token;
  };
  switch (source.kind) {
    case 'token':
      return context.read(source.token);
    case 'github':
      return announced(await askGitHub(audience, context));
    case 'azure-devops':
      return announced(await askAzureDevOps(context));
    case 'kubernetes': {
      const { namespace, serviceAccount: name } = source;
      return announced(await clusterOf(context).requestToken({ namespace, name, audience }));
    }
    default:
      return source satisfies never;
  }
}

function clusterOf({ ports }: IssuerContext): NonNullable<IssuerContext['ports']['kubernetes']> {
  if (ports.kubernetes !== undefined) return ports.kubernetes;
  throw new LonghaulError('CONFIG', 'This process knows no Kubernetes cluster that could issue a token.', {
    advice: 'Set LONGHAUL_KUBERNETES_API, or run the worker in the cluster.',
  });
}

/** Set by GitHub in each job with the permission `id-token: write`. */
async function askGitHub(audience: string, context: IssuerContext): Promise<string> {
  const url = required(context, 'ACTIONS_ID_TOKEN_REQUEST_URL');
  const token = required(context, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN');
  const separator = url.includes('?') ? '&' : '?';
  const place = { who: 'GitHub', url: `${url}${separator}audience=${encodeURIComponent(audience)}` };
  const headers = { authorization: `Bearer ${token}` };
  const answer = await askForeignEndpoint(place, { headers, secrets: [token] }, context);
  return tokenIn(textAt(answer, 'value'), place.who);
}

/** Set by Azure Pipelines in each job; `SYSTEM_ACCESSTOKEN` only where the pipeline hands it on. */
async function askAzureDevOps(context: IssuerContext): Promise<string> {
  const token = required(context, 'SYSTEM_ACCESSTOKEN');
  const base = required(context, 'SYSTEM_TEAMFOUNDATIONCOLLECTIONURI').replace(/\/$/, '');
  const path = [
    ...[required(context, 'SYSTEM_TEAMPROJECTID'), '_apis/distributedtask/hubs'],
    ...[required(context, 'SYSTEM_HOSTTYPE'), 'plans', required(context, 'SYSTEM_PLANID')],
    ...['jobs', required(context, 'SYSTEM_JOBID'), 'oidctoken?api-version=7.2-preview.1'],
  ].join('/');
  const place = { who: 'Azure DevOps', url: `${base}/${path}` };
  const headers = { authorization: `Bearer ${token}` };
  const answer = await askForeignEndpoint(place, { headers, json: {}, secrets: [token] }, context);
  return tokenIn(textAt(answer, 'oidcToken'), place.who);
}

function required({ ports }: IssuerContext, name: string): string {
  const value = ports.env[name];
  if (value !== undefined && value !== '') return value;
  throw new LonghaulError('CONFIG', `${name} is not set, so no identity token can be asked for here.`);
}

function tokenIn(token: string | undefined, who: string): string {
  if (token !== undefined) return token;
  throw new LonghaulError('UNAVAILABLE', `${who} did not answer with a token.`);
}
