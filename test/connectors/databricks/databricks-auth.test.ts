import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createKubernetesApi, readKubernetesSettings } from '../../../src/config/kubernetes';
import { LonghaulError } from '../../../src/connector';
import type { IdentityPorts, WorkspaceAuth } from '../../../src/connectors/databricks';
import { createDatabricksClient } from '../../../src/connectors/databricks/databricks-client';
import type { SeenRequest } from '../../support/http-server';
import { startKubernetesServer, type KubernetesServer } from '../../support/kubernetes-server';
import { callContext, rejection } from './support/calls';
import { runOf, startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

/** Stands for the workspace and, by other paths, for whoever gives out tokens. */
let fake: FakeWorkspace;
let cluster: KubernetesServer;
const folder = mkdtempSync(join(tmpdir(), 'lh-auth-'));

beforeEach(async () => {
  fake = await startFakeWorkspace();
  cluster = await startKubernetesServer();
  fake.on('/runs/get', { body: runOf('RUNNING') });
});

afterEach(async () => {
  await Promise.all([fake.close(), cluster.close()]);
});

const READ = { operation: 'read', path: 'runs/get', query: { run_id: '1' } } as const;
const SECRETS: Record<string, string> = {
  'env:CLIENT_SECRET': 'client-secret-canary+/=',
  'file:/run/pat': 'dapi-file-canary',
  'file:/run/jwt': 'jwt-file-canary',
};

interface Surroundings {
  readonly env?: Record<string, string>;
  readonly heard?: string[];
}

async function ask(auth: WorkspaceAuth, { env = {}, heard = [] }: Surroundings = {}): Promise<SeenRequest> {
  const settings = readKubernetesSettings(cluster.env);
  const identity: IdentityPorts = {
    env: { HOME: folder, ...env },
    readSecret: async (reference) => {
      const value = SECRETS[reference];
      if (value === undefined) throw new LonghaulError('SECRET_UNAVAILABLE', `${reference} has no value`);
      return value;
    },
    kubernetes: settings === undefined ? undefined : createKubernetesApi(settings),
    onSecret: (value) => heard.push(value),
  };
  const workspace = { name: 'w', host: fake.host, auth, requestTimeoutMs: 5_000 };
  const client = createDatabricksClient(workspace, { version: '1.2.3', identity });
  try {
    await client.send(READ, callContext());
  } finally {
    await client.close();
  }
  const seen = fake.requestsTo('/runs/get').at(-1);
  if (seen === undefined) throw new Error('the workspace was not asked');
  return seen;
}

function formOf(pathEnd: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(fake.requestsTo(pathEnd)[0]?.text ?? ''));
}

const ISSUED = { access_token: 'issued-canary', token_type: 'Bearer', expires_in: 3600 };
const GRANT = { body: ISSUED };
const EXCHANGE = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  scope: 'all-apis',
};

describe('a personal access token', () => {
  test('is read where the configuration says, and heard of for redaction', async () => {
    const heard: string[] = [];
    const { headers } = await ask({ kind: 'pat', token: { $secret: 'file:/run/pat' } }, { heard });
    expect(headers.authorization).toBe('Bearer dapi-file-canary');
    expect(headers['user-agent']).toMatch(/auth\/pat$/);
    expect(heard).toContain('dapi-file-canary');
  });

  test('that was rotated is read again when the old one is refused', async () => {
    fake.on('/runs/get', ({ headers }) => {
      if (headers.authorization === 'Bearer rotated') return { body: runOf('RUNNING') };
      SECRETS['file:/run/rotating'] = 'rotated';
      return { status: 403, body: { error_code: 'PERMISSION_DENIED', message: 'Invalid access token.' } };
    });
    SECRETS['file:/run/rotating'] = 'old';
    const { headers } = await ask({ kind: 'pat', token: { $secret: 'file:/run/rotating' } });
    expect(headers.authorization).toBe('Bearer rotated');
  });
});

describe('OAuth for machines', () => {
  const M2M: WorkspaceAuth = {
    kind: 'oauth-m2m',
    clientId: 'cid',
    clientSecret: { $secret: 'env:CLIENT_SECRET' },
  };

  test('asks the workspace’s own endpoint with HTTP Basic', async () => {
    fake.on('/oidc/v1/token', GRANT);
    const heard: string[] = [];
    const { headers } = await ask(M2M, { heard });
    expect(headers.authorization).toBe('Bearer issued-canary');
    const [request] = fake.requestsTo('/oidc/v1/token');
    expect(request?.headers.authorization).toBe(`Basic ${btoa('cid:client-secret-canary+/=')}`);
    expect(heard).toEqual(expect.arrayContaining(['client-secret-canary+/=', 'issued-canary']));
  });

  test('asks the workspace where its endpoint is when it is not at the usual place', async () => {
    fake.on('/oidc/.well-known/oauth-authorization-server', {
      body: { token_endpoint: `${fake.host}/oidc/accounts/a/v1/token` },
    });
    fake.on('/oidc/accounts/a/v1/token', GRANT);
    expect((await ask(M2M)).headers.authorization).toBe('Bearer issued-canary');
  });

  test('sends no credentials to another host, whatever the workspace says', async () => {
    const evil = await startFakeWorkspace();
    fake.on('/oidc/.well-known/oauth-authorization-server', {
      body: { token_endpoint: `${evil.host}/oidc/v1/token` },
    });
    expect(await rejection(ask(M2M))).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(evil.requests).toEqual([]);
    await evil.close();
  });
});

describe('OIDC federation', () => {
  const exchange = (
    more: Pick<Extract<WorkspaceAuth, { kind: 'oidc-federation' }>, 'source' | 'audience'>,
  ): WorkspaceAuth => ({ kind: 'oidc-federation', clientId: 'sp-1', ...more });

  beforeEach(() => {
    fake.on('/oidc/v1/token', GRANT);
  });

  test('exchanges the token in a file, read anew each time', async () => {
    const auth = exchange({ source: { kind: 'token', token: { $secret: 'file:/run/jwt' } } });
    expect((await ask(auth)).headers.authorization).toBe('Bearer issued-canary');
    expect(formOf('/oidc/v1/token')).toEqual({
      ...EXCHANGE,
      client_id: 'sp-1',
      subject_token: 'jwt-file-canary',
    });
  });

  test('asks GitHub for a token for this workspace', async () => {
    fake.on('/github', { body: { value: 'jwt-github-canary' } });
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${fake.host}/github?v=1`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-canary',
    };
    await ask(exchange({ source: { kind: 'github' } }), { env });
    const [request] = fake.requestsTo('/github');
    expect(request?.query.get('audience')).toBe(`${fake.host}/oidc/v1/token`);
    expect(request?.headers.authorization).toBe('Bearer request-canary');
    expect(formOf('/oidc/v1/token')['subject_token']).toBe('jwt-github-canary');
  });

  test('asks Azure DevOps for a token of the job', async () => {
    fake.on('/oidctoken', { body: { oidcToken: 'jwt-devops-canary' } });
    const env = {
      SYSTEM_ACCESSTOKEN: 'system-canary',
      SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: `${fake.host}/org/`,
      SYSTEM_TEAMPROJECTID: 'p',
      SYSTEM_HOSTTYPE: 'build',
      SYSTEM_PLANID: 'plan',
      SYSTEM_JOBID: 'job',
    };
    await ask(exchange({ source: { kind: 'azure-devops' } }), { env });
    expect(fake.requestsTo('/oidctoken')[0]?.path).toBe(
      '/org/p/_apis/distributedtask/hubs/build/plans/plan/jobs/job/oidctoken',
    );
    expect(formOf('/oidc/v1/token')['subject_token']).toBe('jwt-devops-canary');
  });

  test('asks Kubernetes for a token of a ServiceAccount', async () => {
    cluster.serviceAccounts.push({ namespace: 'etl', name: 'runner' });
    const source = { kind: 'kubernetes', namespace: 'etl', serviceAccount: 'runner' } as const;
    await ask(exchange({ source, audience: 'databricks' }));
    expect(formOf('/oidc/v1/token')['subject_token']).toBe('jwt-canary:etl/runner:databricks');
  });

  test('says which variable is missing', async () => {
    const auth = exchange({ source: { kind: 'github' } });
    expect(await rejection(ask(auth))).toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('ACTIONS_ID_TOKEN_REQUEST_URL'),
    });
  });
});

describe('Azure', () => {
  const DATABRICKS = '2ff814a6-3304-4ab8-85cb-cd0e6f879c1d';
  const MANAGEMENT = 'https://management.core.windows.net/';
  const RESOURCE_ID = '/subscriptions/sub-1/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w';
  const forResource = ({ text, query }: SeenRequest) => {
    const resource = new URLSearchParams(text).get('resource') ?? query.get('resource');
    return {
      body: { access_token: `entra-canary ${resource ?? ''}`, token_type: 'Bearer', expires_in: '3599' },
    };
  };
  const SECRET_AUTH = {
    kind: 'azure-client-secret',
    clientId: 'app',
    clientSecret: { $secret: 'env:CLIENT_SECRET' },
    tenantId: 'tenant-1',
  } as const;

  test('takes a service principal’s secret to its tenant', async () => {
    fake.on('/tenant-1/oauth2/token', forResource);
    const { headers } = await ask(SECRET_AUTH, { env: { AZURE_AUTHORITY_HOST: fake.host } });
    expect(headers.authorization).toBe(`Bearer entra-canary ${DATABRICKS}`);
    expect(headers['x-databricks-azure-sp-management-token']).toBeUndefined();
    expect(formOf('/oauth2/token')).toEqual({
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: 'client-secret-canary+/=',
      resource: DATABRICKS,
    });
  });

  test('finds the tenant at the workspace, and brings a management token where its resource is named', async () => {
    fake.on('/aad/auth', { status: 302, headers: { location: `${fake.host}/tenant-2/oauth2/authorize` } });
    fake.on('/tenant-2/oauth2/token', forResource);
    const { tenantId: _tenant, ...auth } = SECRET_AUTH;
    const env = { AZURE_AUTHORITY_HOST: fake.host };
    const { headers } = await ask({ ...auth, resourceId: RESOURCE_ID }, { env });
    expect(headers).toMatchObject({
      authorization: `Bearer entra-canary ${DATABRICKS}`,
      'x-databricks-azure-sp-management-token': `entra-canary ${MANAGEMENT}`,
      'x-databricks-azure-workspace-resource-id': RESOURCE_ID,
    });
  });

  test('asks the machine for its managed identity', async () => {
    fake.on('/metadata/identity/oauth2/token', forResource);
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: fake.host };
    const { headers } = await ask({ kind: 'azure-managed-identity', clientId: 'user-assigned' }, { env });
    expect(headers.authorization).toBe(`Bearer entra-canary ${DATABRICKS}`);
    const [request] = fake.requestsTo('/metadata/identity/oauth2/token');
    expect(request?.headers['metadata']).toBe('true');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({
      'api-version': '2018-02-01',
      resource: DATABRICKS,
      client_id: 'user-assigned',
    });
  });

  test('asks App Service where that is the machine', async () => {
    fake.on('/msi', forResource);
    const env = { IDENTITY_ENDPOINT: `${fake.host}/msi`, IDENTITY_HEADER: 'header-canary' };
    await ask({ kind: 'azure-managed-identity' }, { env });
    expect(fake.requestsTo('/msi')[0]?.headers['x-identity-header']).toBe('header-canary');
  });

  const az = (script: string): { PATH: string } => {
    const path = mkdtempSync(join(folder, 'az-'));
    writeFileSync(join(path, 'az'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, 'az'), 0o755);
    return { PATH: `${path}:/usr/bin:/bin` };
  };

  test('asks the Azure CLI for what it is logged in as', async () => {
    const env = az(`echo "{\\"accessToken\\":\\"cli-canary $*\\",\\"expires_on\\":9999999999}"`);
    const { headers } = await ask({ kind: 'azure-cli', tenantId: 't' }, { env });
    expect(headers.authorization).toBe(
      `Bearer cli-canary account get-access-token --output json --resource ${DATABRICKS} --tenant t`,
    );
  });

  test.each([
    ['is not logged in', 'echo "Please run az login" >&2; exit 1', 'Please run az login'],
    ['answers nonsense', 'echo "nonsense-canary"', 'gives no token'],
  ])('says so when the Azure CLI %s', async (_, script, words) => {
    const error = await rejection(ask({ kind: 'azure-cli' }, { env: az(script) }));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining(words) });
    expect(String(error)).not.toContain('canary');
  });

  test('says so when the Azure CLI is not there', async () => {
    const error = await rejection(ask({ kind: 'azure-cli' }, { env: { PATH: folder } }));
    expect(error).toMatchObject({ message: 'The Azure CLI gives no token: it is not installed here' });
  });
});

describe('Google', () => {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const keyFile = (): string =>
    JSON.stringify({
      type: 'service_account',
      client_email: 'sa@p.iam',
      private_key: privateKey,
      private_key_id: 'k1',
      token_uri: `${fake.host}/google/token`,
    });
  const claimsOf = ({ text }: SeenRequest): Record<string, unknown> => {
    const [, payload = ''] = (new URLSearchParams(text).get('assertion') ?? '').split('.');
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  };

  test('signs with a service account’s key, for the workspace and beside it', async () => {
    fake.on('/google/token', (request) =>
      'target_audience' in claimsOf(request)
        ? { body: { id_token: 'id-canary' } }
        : { body: { access_token: 'access-canary', expires_in: 3599 } },
    );
    const { headers } = await ask({ kind: 'google-credentials', credentials: keyFile() });
    expect(headers).toMatchObject({
      authorization: 'Bearer id-canary',
      'x-databricks-gcp-sa-access-token': 'access-canary',
    });
    const [first] = fake.requestsTo('/google/token').map(claimsOf);
    expect(first).toMatchObject({
      iss: 'sa@p.iam',
      aud: `${fake.host}/google/token`,
      target_audience: fake.host,
    });
  });

  test('goes without the access token where that is refused', async () => {
    fake.on('/google/token', (request) =>
      'target_audience' in claimsOf(request)
        ? { body: { id_token: 'id-canary' } }
        : { status: 403, body: { error: 'access_denied' } },
    );
    const { headers } = await ask({ kind: 'google-credentials', credentials: keyFile() });
    expect(headers.authorization).toBe('Bearer id-canary');
    expect(headers['x-databricks-gcp-sa-access-token']).toBeUndefined();
  });

  test('acts as a service account with the machine’s credentials', async () => {
    fake.on('/service-accounts/default/token', { body: { access_token: 'machine-canary' } });
    fake.on(':generateIdToken', { body: { token: 'id-canary' } });
    fake.on(':generateAccessToken', { body: { accessToken: 'access-canary' } });
    const env = {
      GCE_METADATA_HOST: new URL(fake.host).host,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: fake.host,
    };
    const { headers } = await ask({ kind: 'google-id', serviceAccount: 'sa@p.iam' }, { env });
    expect(headers).toMatchObject({
      authorization: 'Bearer id-canary',
      'x-databricks-gcp-sa-access-token': 'access-canary',
    });
    const [request] = fake.requestsTo(':generateIdToken');
    expect(request?.headers.authorization).toBe('Bearer machine-canary');
    expect(JSON.parse(request?.text ?? '')).toEqual({ audience: fake.host, includeEmail: true });
  });

  test('says what is wrong with a key without showing it', async () => {
    const credentials = '{"type":"service_account","private_key":"canary"}';
    const error = await rejection(ask({ kind: 'google-credentials', credentials }));
    expect(error).toMatchObject({ code: 'CONFIG' });
    expect(String(error)).not.toContain('canary');
  });
});

describe('whoever refuses credentials', () => {
  const echo = ({ text, headers }: SeenRequest) => ({
    status: 400,
    body: {
      error: 'invalid_client',
      error_description: `no: ${decodeURIComponent(text)} ${text} ${headers.authorization ?? ''}`,
    },
  });

  test.each<[string, WorkspaceAuth]>([
    ['oauth-m2m', { kind: 'oauth-m2m', clientId: 'c', clientSecret: { $secret: 'env:CLIENT_SECRET' } }],
    [
      'oidc-federation',
      { kind: 'oidc-federation', source: { kind: 'token', token: { $secret: 'file:/run/jwt' } } },
    ],
    [
      'azure-client-secret',
      {
        kind: 'azure-client-secret',
        clientId: 'c',
        clientSecret: { $secret: 'env:CLIENT_SECRET' },
        tenantId: 't',
      },
    ],
  ])('is quoted, but not with the secret: %s', async (_, auth) => {
    fake.on('/token', echo);
    const error = await rejection(ask(auth, { env: { AZURE_AUTHORITY_HOST: fake.host } }));
    expect(error).toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringContaining('invalid_client'),
    });
    expect(String(error)).not.toContain('canary');
  });

  test.each([
    [403, 'UNAUTHENTICATED'],
    [404, 'UNAUTHENTICATED'],
    [429, 'RATE_LIMITED'],
    [500, 'UNAVAILABLE'],
  ])('with %i says nothing of the task: %s', async (status, code) => {
    const headers = { 'retry-after': '0' };
    fake.on('/oidc/v1/token', {
      status,
      headers,
      body: { error_code: 'NOT_FOUND', message: 'Run 1 does not exist' },
    });
    const auth: WorkspaceAuth = { kind: 'oauth-m2m', clientId: 'c', clientSecret: 's' };
    expect(await rejection(ask(auth))).toMatchObject({ code });
  });

  test('is never asked in clear on another machine', async () => {
    const auth: WorkspaceAuth = {
      ...{ kind: 'azure-client-secret', clientId: 'c', clientSecret: 's', tenantId: 't' },
    };
    const env = { AZURE_AUTHORITY_HOST: 'http://login.example' };
    expect(await rejection(ask(auth, { env }))).toMatchObject({ code: 'CONFIG' });
  });
});
