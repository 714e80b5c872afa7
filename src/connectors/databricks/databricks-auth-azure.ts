import { execFile } from 'node:child_process';
import { promisify, types } from 'node:util';

import { isJsonObject, LonghaulError, shorten, type JsonObject } from '../../connector';
import type { Grant } from './databricks-auth';
import { askForeignEndpoint, parseGrant } from './databricks-auth-endpoint';
import type { IssuerContext } from './databricks-identity';
import { parseLosslessJson } from './databricks-json';
import type { AzureAuth, AzureEnvironment } from './databricks-workspace';

/** Databricks' id in Azure, the same in each of its clouds. */
const DATABRICKS_RESOURCE = '2ff814a6-3304-4ab8-85cb-cd0e6f879c1d';

const CLOUDS: Readonly<Record<AzureEnvironment, { readonly login: string; readonly management: string }>> = {
  PUBLIC: {
    login: 'https://login.microsoftonline.com',
    management: 'https://management.core.windows.net/',
  },
  USGOVERNMENT: {
    login: 'https://login.microsoftonline.us',
    management: 'https://management.core.usgovcloudapi.net/',
  },
  CHINA: { login: 'https://login.chinacloudapi.cn', management: 'https://management.core.chinacloudapi.cn/' },
};

const ENTRA = 'Microsoft Entra ID';

/**
 * A token of Entra ID for the workspace. With the workspace's Azure id a second one for Azure's management goes along:
 * by both Databricks lets in who may manage the workspace, and is no user of it yet.
 */
export async function issueAzureToken(auth: AzureAuth, context: IssuerContext): Promise<Grant> {
  const ask = await createAsker(auth, context);
  const grant = await ask(DATABRICKS_RESOURCE);
  if (auth.resourceId === undefined) return grant;
  const management = await ask(cloudOf(auth).management);
  return {
    ...grant,
    lifetimeMs: shorter(grant.lifetimeMs, management.lifetimeMs),
    headers: {
      'X-Databricks-Azure-SP-Management-Token': management.token,
      'X-Databricks-Azure-Workspace-Resource-Id': auth.resourceId,
    },
  };
}

type Asker = (resource: string) => Promise<Grant>;

async function createAsker(auth: AzureAuth, context: IssuerContext): Promise<Asker> {
  switch (auth.kind) {
    case 'azure-cli':
      return (resource) => askAzureCli(auth, resource, context);
    case 'azure-managed-identity':
      return (resource) => askManagedIdentity(auth, resource, context);
    case 'azure-client-secret': {
      const tenant = auth.tenantId ?? (await findTenant(context));
      return (resource) => askEntra({ auth, tenant, resource }, context);
    }
    default:
      return auth satisfies never;
  }
}

function cloudOf({ environment = 'PUBLIC' }: AzureAuth): { login: string; management: string } {
  return CLOUDS[environment];
}

function shorter(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

interface EntraQuestion {
  readonly auth: Extract<AzureAuth, { kind: 'azure-client-secret' }>;
  readonly tenant: string;
  readonly resource: string;
}

async function askEntra({ auth, tenant, resource }: EntraQuestion, context: IssuerContext): Promise<Grant> {
  // Azure's own variable for clouds and stand-ins of one's own.
  const login = (context.ports.env['AZURE_AUTHORITY_HOST'] ?? cloudOf(auth).login).replace(/\/$/, '');
  const clientSecret = await context.read(auth.clientSecret);
  const answer = await askForeignEndpoint(
    { who: ENTRA, url: `${login}/${encodeURIComponent(tenant)}/oauth2/token` },
    {
      form: {
        grant_type: 'client_credentials',
        client_id: await context.read(auth.clientId),
        client_secret: clientSecret,
        resource,
      },
      secrets: [clientSecret, encodeURIComponent(clientSecret)],
    },
    context,
  );
  return parseGrant(answer, ENTRA);
}

/** The workspace sends people who log in to their tenant; the address says which. */
async function findTenant({ connection, timeoutMs, userAgent, host }: IssuerContext): Promise<string> {
  const answer = await connection.exchange(
    {
      operation: 'token',
      method: 'GET',
      path: '/aad/auth',
      headers: { 'user-agent': userAgent },
      secrets: [],
    },
    { signal: new AbortController().signal, timeoutMs },
  );
  const { location } = answer.headers;
  const address = typeof location === 'string' && URL.canParse(location) ? new URL(location) : undefined;
  const tenant = address?.pathname.split('/')[1] ?? '';
  if (tenant !== '') return tenant;
  throw new LonghaulError('CONFIG', `${host} does not tell its Azure tenant.`, {
    advice: 'Give the tenant: tenantId in the workspaces file, or ARM_TENANT_ID.',
  });
}

const METADATA = 'http://169.254.169.254';

/** App Service and its kin name an endpoint of their own; virtual machines have the one of the network. */
async function askManagedIdentity(
  { clientId }: Extract<AzureAuth, { kind: 'azure-managed-identity' }>,
  resource: string,
  context: IssuerContext,
): Promise<Grant> {
  const { env } = context.ports;
  const who = 'The Azure managed identity';
  const ofClient = clientId === undefined ? {} : { client_id: clientId };
  const own = env['IDENTITY_ENDPOINT'];
  const secret = env['IDENTITY_HEADER'];
  if (own !== undefined && secret !== undefined) {
    const query = new URLSearchParams({ 'api-version': '2019-08-01', resource, ...ofClient }).toString();
    const question = { headers: { 'x-identity-header': secret }, secrets: [secret] };
    return parseGrant(await askForeignEndpoint({ who, url: `${own}?${query}` }, question, context), who);
  }
  const origin = (env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] ?? METADATA).replace(/\/$/, '');
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource, ...ofClient }).toString();
  const url = `${origin}/metadata/identity/oauth2/token?${query}`;
  const question = { headers: { metadata: 'true' }, secrets: [] };
  return parseGrant(await askForeignEndpoint({ who, url }, question, context), who);
}

const runFile = promisify(execFile);

/** What `az` is logged in as; for people, and for machines where somebody logged in. */
async function askAzureCli(
  { tenantId, resourceId }: Extract<AzureAuth, { kind: 'azure-cli' }>,
  resource: string,
  { ports, timeoutMs }: IssuerContext,
): Promise<Grant> {
  const subscription = /^\/subscriptions\/([^/]+)\//.exec(resourceId ?? '')?.[1];
  const args = [
    ...['account', 'get-access-token', '--output', 'json', '--resource', resource],
    ...(tenantId === undefined ? [] : ['--tenant', tenantId]),
    // Azure refuses both at once.
    ...(tenantId !== undefined || subscription === undefined ? [] : ['--subscription', subscription]),
  ];
  try {
    const { stdout } = await runFile('az', args, { env: { ...ports.env }, timeout: timeoutMs });
    return toCliGrant(parseCliAnswer(stdout));
  } catch (cause) {
    throw toCliError(cause);
  }
}

function parseCliAnswer(text: string): JsonObject {
  const answer = parseLosslessJson(text);
  return isJsonObject(answer) ? answer : {};
}

/** Older versions tell the end in local time only; then the usual hour is assumed. */
function toCliGrant(answer: JsonObject): Grant {
  const { accessToken = '', tokenType = 'Bearer', expires_on: endsAt = '' } = answer;
  return parseGrant(
    { access_token: accessToken, token_type: tokenType, expires_on: endsAt },
    'The Azure CLI',
  );
}

/** Its error stream names accounts and tenants, never tokens. */
function toCliError(thrown: unknown): LonghaulError {
  if (thrown instanceof LonghaulError) return thrown;
  const failure = types.isNativeError(thrown) ? thrown : undefined;
  const isMissing = failure !== undefined && 'code' in failure && failure.code === 'ENOENT';
  const words = failure !== undefined && 'stderr' in failure ? String(failure.stderr).trim() : '';
  const reason = isMissing ? 'it is not installed here' : shorten(words, 500) || 'it gave no reason';
  return new LonghaulError('UNAUTHENTICATED', `The Azure CLI gives no token: ${reason}`, {
    advice: isMissing ? 'Install az where the worker runs, or use another kind.' : 'Run az login there.',
  });
}
