import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

import { request } from 'undici';

import type { TokenTrouble } from '../../src/simulator';
import { closeSimulators, get, post, simulate, TOKEN, type Json } from './workspace-client';

afterEach(closeSimulators);

const client = { id: 'client-1', secret: 's3cret/+:' };

describe('bearer tokens', () => {
  test('none is 401, a wrong or revoked one 403, a right one passes', async () => {
    const simulator = await simulate();
    const statusOf = async (token: string) =>
      (await get({ url: simulator.url, token }, 'runs/list', {})).status;
    const anonymous = await request(`${simulator.url}/api/2.2/jobs/runs/list`);
    await anonymous.body.dump();
    expect(anonymous.statusCode).toBe(401);
    expect(await statusOf('wrong')).toBe(403);
    expect(await statusOf(TOKEN)).toBe(200);
    simulator.revokeToken(TOKEN);
    expect(await statusOf(TOKEN)).toBe(403);
    simulator.allowToken(TOKEN);
    expect(await statusOf(TOKEN)).toBe(200);
    expect(simulator.counters().authRejections).toBe(3);
  });

  test('a web page may not call', async () => {
    const { url } = await simulate();
    const headers = { origin: 'https://example.com', authorization: `Bearer ${TOKEN}` };
    const { statusCode, body } = await request(`${url}/api/2.2/jobs/runs/list`, { headers });
    await body.dump();
    expect(statusCode).toBe(403);
  });
});

describe('OAuth client credentials', () => {
  test.each([
    '/.well-known/databricks-config',
    '/oidc/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server',
  ])('discovery at %s needs no credential', async (path) => {
    const { url } = await simulate();
    const { body } = await get(url, path, {});
    expect(body.token_endpoint ?? `${String(body.oidc_endpoint)}/v1/token`).toBe(`${url}/oidc/v1/token`);
  });

  test('the client may name itself by Basic or in the form', async () => {
    const simulator = await simulate({ clients: [client] });
    const basic = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;
    const byBasic = await token(simulator.url, {}, { authorization: basic });
    const byForm = await token(simulator.url, { client_id: client.id, client_secret: client.secret });
    for (const { body } of [byBasic, byForm]) {
      expect(body).toMatchObject({ token_type: 'Bearer', scope: 'all-apis' });
      expect((await get({ url: simulator.url, token: body.access_token }, 'runs/list', {})).status).toBe(200);
    }
    expect(simulator.counters()).toMatchObject({ tokenRequests: 2, tokenGrants: { client_credentials: 2 } });
  });

  test('a wrong secret is invalid_client', async () => {
    const { url } = await simulate({ clients: [client] });
    const reply = await token(url, { client_id: client.id, client_secret: 'wrong' });
    expect(reply).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  test('an access token lives 3600 simulated seconds', async () => {
    const simulator = await simulate({ clients: [client], speed: 1 });
    const { body } = await token(simulator.url, { client_id: client.id, client_secret: client.secret });
    expect(body.expires_in).toBe(3600);
    simulator.advanceClock(3_600_000);
    const reply = await get({ url: simulator.url, token: body.access_token }, 'runs/list', {});
    expect(reply).toMatchObject({ status: 401, body: { error_code: 'UNAUTHENTICATED' } });
  });
});

describe('a workspace whose clock is off', () => {
  const lifetimeMs = 3_600_000;

  async function statusAfter(ms: number, trouble: Partial<TokenTrouble>): Promise<number> {
    const simulator = await simulate({ clients: [client], speed: 1, tokenTrouble: trouble });
    const { body } = await token(simulator.url, { client_id: client.id, client_secret: client.secret });
    simulator.advanceClock(ms);
    return (await get({ url: simulator.url, token: body.access_token }, 'runs/list', {})).status;
  }

  test('rejects a token so many seconds too early, or too late', async () => {
    expect(await statusAfter(lifetimeMs - 120_000, { skewSeconds: 60 })).toBe(200);
    expect(await statusAfter(lifetimeMs - 30_000, { skewSeconds: 60 })).toBe(401);
    expect(await statusAfter(lifetimeMs + 30_000, { skewSeconds: -60 })).toBe(200);
    expect(await statusAfter(lifetimeMs + 120_000, { skewSeconds: -60 })).toBe(401);
  });

  test('may say 403 of an expired token, and may be set right while it runs', async () => {
    const simulator = await simulate({
      clients: [client],
      tokenTrouble: { skewSeconds: 7200, expiredStatus: 403 },
    });
    const { body } = await token(simulator.url, { client_id: client.id, client_secret: client.secret });
    const look = () => get({ url: simulator.url, token: body.access_token }, 'runs/list', {});
    expect(await look()).toMatchObject({
      status: 403,
      body: { error_code: 'PERMISSION_DENIED', message: expect.stringContaining('expired') },
    });
    const right = await post(simulator.url, '/simulator/token-trouble', { skewSeconds: 0 });
    expect(right.status).toBe(200);
    expect((await look()).status).toBe(200);
  });
});

describe('a token of an identity provider', () => {
  const grant = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  };
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const federation = [{ issuer: 'https://idp', audience: 'databricks', publicKey: pemOf(keys.publicKey) }];
  const claims = { iss: 'https://idp', aud: ['databricks'], exp: Math.floor(Date.now() / 1000) + 600 };

  test('is exchanged for one of the workspace', async () => {
    const simulator = await simulate({ federation });
    const { status, body } = await token(simulator.url, {
      ...grant,
      subject_token: jwt(claims, keys.privateKey),
    });
    expect({ status, type: body.token_type }).toEqual({ status: 200, type: 'Bearer' });
    expect((await get({ url: simulator.url, token: body.access_token }, 'runs/list', {})).status).toBe(200);
    expect(simulator.counters().tokenGrants).toEqual({ [grant.grant_type]: 1 });
  });

  test.each([
    ['of another issuer', { ...claims, iss: 'https://other' }, keys.privateKey],
    ['for another audience', { ...claims, aud: 'other' }, keys.privateKey],
    ['that is expired', { ...claims, exp: claims.exp - 3600 }, keys.privateKey],
    ['signed by a stranger', claims, generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey],
  ])('%s is refused', async (_, given, key) => {
    const { url } = await simulate({ federation });
    const reply = await token(url, { ...grant, subject_token: jwt(given, key) });
    expect(reply).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('that is no JWT is taken only when it was named before', async () => {
    const simulator = await simulate();
    const ask = () => token(simulator.url, { ...grant, subject_token: 'opaque' });
    expect((await ask()).status).toBe(400);
    await post(simulator.url, '/simulator/subjects', { subject_token: 'opaque' });
    expect((await ask()).status).toBe(200);
  });
});

function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

function jwt(claims: Record<string, unknown>, key: KeyObject): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

async function token(url: string, form: Record<string, string>, headers: Record<string, string> = {}) {
  const { statusCode, body } = await request(`${url}/oidc/v1/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'all-apis', ...form }).toString(),
  });
  return { status: statusCode, body: (await body.json()) as Json };
}
