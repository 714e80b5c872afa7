import { request } from 'undici';

import { closeSimulators, get, simulate, TOKEN, type Json } from './workspace-client';

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
    expect(simulator.counters().tokenRequests).toBe(2);
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

async function token(url: string, form: Record<string, string>, headers: Record<string, string> = {}) {
  const { statusCode, body } = await request(`${url}/oidc/v1/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'all-apis', ...form }).toString(),
  });
  return { status: statusCode, body: (await body.json()) as Json };
}
