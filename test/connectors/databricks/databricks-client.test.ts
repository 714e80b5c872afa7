import { LonghaulError } from '../../../src/connector';
import { createTokenSource } from '../../../src/connectors/databricks/databricks-auth';
import {
  createDatabricksClient,
  getHeader,
  type DatabricksClient,
} from '../../../src/connectors/databricks/databricks-client';
import { parseErrorBody, parseRetryAfter } from '../../../src/connectors/databricks/databricks-errors';
import type { WorkspaceAuth } from '../../../src/connectors/databricks';
import { callContext, rejection, TOKEN } from './support/calls';
import { apiError, runOf, startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

const OAUTH: WorkspaceAuth = { kind: 'oauth-m2m', clientId: 'cid', clientSecret: 'client-secret-canary' };

/** As good as: what is seen here is not the budget. */
const UNLIMITED = { requestsPerSecond: 100_000, submitsPerSecond: 100_000 };

let fake: FakeWorkspace;
const clients: DatabricksClient[] = [];

beforeEach(async () => {
  fake = await startFakeWorkspace();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await fake.close();
});

function open(
  auth: WorkspaceAuth = { kind: 'pat', token: TOKEN },
  requestTimeoutMs = 5_000,
): DatabricksClient {
  const client = createDatabricksClient(
    { name: 'w', host: fake.host, auth, requestTimeoutMs, limits: UNLIMITED },
    { version: '1.2.3' },
  );
  clients.push(client);
  return client;
}

const READ = { operation: 'read', path: 'runs/get', query: { run_id: '1' } } as const;
const SUBMIT = { operation: 'submit', path: 'runs/submit', body: { run_name: 'r' } } as const;

async function errorOf(
  client: DatabricksClient,
  request: typeof READ | typeof SUBMIT,
): Promise<LonghaulError> {
  const thrown = await rejection(client.send(request, callContext()));
  expect(thrown).toBeInstanceOf(LonghaulError);
  return thrown as LonghaulError;
}

describe('a request', () => {
  it('says who asks and proves it', async () => {
    fake.on('/runs/get', { body: runOf('RUNNING') });
    await open().send(READ, callContext());
    const { headers, path, query } = fake.requests[0] ?? {};
    expect(path).toBe('/api/2.2/jobs/runs/get');
    expect(query?.get('run_id')).toBe('1');
    expect(headers?.authorization).toBe(`Bearer ${TOKEN}`);
    expect(headers?.['user-agent']).toMatch(/^longhaul\/1\.2\.3 node\/\d+\.\d+\.\d+ os\/\w+ auth\/pat$/);
    expect(getHeader('t')).toEqual({ Authorization: 'Bearer t', 'content-type': 'application/json' });
  });

  it.each([
    [400, 'INVALID_PARAMETER_VALUE', 'Run 1 does not exist', 'read', 'RUN_GONE'],
    [404, 'RESOURCE_DOES_NOT_EXIST', 'gone', 'read', 'RUN_GONE'],
    [400, 'INVALID_PARAMETER_VALUE', 'Job 1 does not exist', 'read', 'RUN_GONE'],
    [400, 'INVALID_PARAMETER_VALUE', "Run: 1 in job: 2 doesn't exist", 'read', 'RUN_GONE'],
    [404, 'NOT_FOUND', 'Run 1 does not exist', 'read', 'RUN_GONE'],
    [500, 'RESOURCE_DOES_NOT_EXIST', 'Run 1 does not exist', 'read', 'RUN_GONE'],
    [500, 'INVALID_PARAMETER_VALUE', 'Run 1 does not exist.', 'read', 'RUN_GONE'],
    [500, 'RESOURCE_DOES_NOT_EXIST', 'Run 1 does not exist', 'submit', 'RUN_GONE'],
    [500, 'RESOURCE_DOES_NOT_EXIST', 'no shard', 'read', 'UNAVAILABLE'],
    [500, 'INTERNAL_ERROR', 'Run 1 does not exist', 'read', 'UNAVAILABLE'],
    [404, 'RESOURCE_DOES_NOT_EXIST', 'Workspace 12 does not exist', 'read', 'UNAVAILABLE'],
    [404, 'NOT_FOUND', 'No route to this path', 'read', 'UNAVAILABLE'],
    [404, 'ENDPOINT_NOT_FOUND', 'no such path', 'read', 'UNAVAILABLE'],
    [404, 'FEATURE_DISABLED', 'switched off', 'read', 'UNAVAILABLE'],
    [404, 'NOT_FOUND', 'gone', 'submit', 'NOT_FOUND'],
    [400, 'INVALID_PARAMETER_VALUE', 'Run 1 does not exist', 'submit', 'RUN_GONE'],
    [400, 'INVALID_PARAMETER_VALUE', 'Job 1 does not exist', 'submit', 'INVALID_TASK'],
    [400, 'MALFORMED_REQUEST', 'bad', 'submit', 'INVALID_TASK'],
    [400, 'INVALID_PARAMETER_VALUE', 'odd', 'read', 'INTERNAL'],
    [400, 'QUOTA_EXCEEDED', 'quota', 'submit', 'RATE_LIMITED'],
    [400, 'COULD_NOT_ACQUIRE_LOCK', 'lock', 'submit', 'RATE_LIMITED'],
    [
      400,
      'INVALID_STATE',
      'There were already 1000 jobs created in past 3600 seconds, exceeding rate limit',
      'submit',
      'RATE_LIMITED',
    ],
    [401, 'UNAUTHENTICATED', 'no', 'read', 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED', 'no', 'read', 'PERMISSION_DENIED'],
    [403, 'PERMISSION_DENIED', 'Access token expired', 'read', 'UNAUTHENTICATED'],
    [409, 'ABORTED', 'conflict', 'submit', 'UNAVAILABLE'],
    [429, 'REQUEST_LIMIT_EXCEEDED', 'slow', 'submit', 'RATE_LIMITED'],
    [500, 'INTERNAL_ERROR', 'oops', 'read', 'UNAVAILABLE'],
    [501, 'NOT_IMPLEMENTED', 'never', 'read', 'UNSUPPORTED'],
    [503, 'TEMPORARILY_UNAVAILABLE', 'later', 'submit', 'UNAVAILABLE'],
  ] as const)('answered %i %s "%s" to a %s is %s', async (...row) => {
    const [status, code, message, operation, expected] = row;
    fake.on('', apiError(status, code, message, { 'retry-after': '0' }));
    const error = await errorOf(open(), operation === 'read' ? READ : SUBMIT);
    expect(error.code).toBe(expected);
    expect(error.message).toContain(`answered ${status} ${code}: ${message}`);
  });

  it.each([
    ['{"error_code":"X_Y","message":"m"}', { code: 'X_Y', message: 'm' }],
    ['{"error_code":42,"message":"m"}', { code: '42', message: 'm' }],
    ['{"detail":"d","scimType":"invalidValue"}', { code: 'invalidValue', message: 'd' }],
    ['{"error":"invalid_client","error_description":"d"}', { code: 'invalid_client', message: 'd' }],
    ['INVALID_STATE: no go', { code: 'INVALID_STATE', message: 'no go' }],
    [
      '<html><body><pre>BAD_REQUEST: in <b>HTML</b></pre></body></html>',
      { code: 'BAD_REQUEST', message: 'in <b>HTML</b>' },
    ],
    ['<html><title>503 gateway</title></html>', { message: '503 gateway' }],
    ['', { message: '' }],
    [
      '{"message":"m","details":[{"request_id":"r1"},{"retry_delay":"3s"}]}',
      { message: 'm', requestId: 'r1', retryDelayMs: 3000 },
    ],
  ])('reads the error body %s', (text, expected) => {
    expect(parseErrorBody(text)).toEqual(expected);
  });

  it('passes on how long to wait, in seconds or as a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(parseRetryAfter('7', now)).toBe(7_000);
    expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:09 GMT', now)).toBe(9_000);
    expect(parseRetryAfter('soon', now)).toBeUndefined();
  });

  it.each([
    [{ 'retry-after': '120' }, 120_000],
    [{}, 5_000],
  ])('that is too early says when to come again: %j', async (headers, expected) => {
    fake.on('', apiError(429, 'REQUEST_LIMIT_EXCEEDED', 'slow', headers));
    expect((await errorOf(open(), SUBMIT)).retryAfterMs).toBe(expected);
    expect(fake.requests).toHaveLength(1);
  });

  it('that reads is tried again within the call, so that a paged read need not start over', async () => {
    let tries = 0;
    fake.on('/runs/get', () => {
      tries += 1;
      if (tries === 1) return 'reset';
      return tries === 2 ? apiError(503, 'X', 'later', { 'retry-after': '0' }) : { body: runOf('RUNNING') };
    });
    expect(await open().send(READ, callContext())).toMatchObject({ run_id: 4711 });
    expect(tries).toBe(3);
  });

  it('that starts something is sent once and announced', async () => {
    fake.on('/runs/submit', 'reset');
    const call = callContext();
    const announce = (): void => call.announceSubmit();
    const thrown = await rejection(open().send({ ...SUBMIT, announce }, call));
    expect(thrown).toMatchObject({ code: 'UNAVAILABLE' });
    expect([fake.requests.length, call.submits()]).toEqual([1, 1]);
  });

  it('that hangs ends with its time-out as UNAVAILABLE', async () => {
    fake.on('/runs/submit', 'hang');
    const error = await errorOf(open(undefined, 80), SUBMIT);
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('within 80 ms') as string,
    });
  });

  it('that is canceled ends at once with the reason it was canceled for', async () => {
    fake.on('/runs/get', 'hang');
    const controller = new AbortController();
    const reason = new Error('canceled by a test');
    const pending = rejection(open().send(READ, callContext({ signal: controller.signal })));
    setImmediate(() => controller.abort(reason));
    expect(await pending).toBe(reason);
  });

  it('never follows a redirect with credentials', async () => {
    const elsewhere = await startFakeWorkspace();
    fake.on('', { status: 302, headers: { location: `${elsewhere.host}/steal` } });
    const error = await errorOf(open(), SUBMIT);
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringContaining('redirect') as string });
    expect(elsewhere.requests).toHaveLength(0);
    await elsewhere.close();
  });

  it('refused by private link says so', async () => {
    fake.on('', { status: 302, headers: { location: '/login.html?error=private-link-validation-error' } });
    const error = await errorOf(open(), READ);
    expect(error).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('private link') as string,
    });
  });

  it('answered with a page instead of JSON is UNAVAILABLE', async () => {
    fake.on('', { headers: { 'content-type': 'text/html' }, body: '<html>log in</html>' });
    expect((await errorOf(open(), SUBMIT)).code).toBe('UNAVAILABLE');
  });

  it('shows no secret in its error and stays below 1 KB', async () => {
    fake.on(
      '',
      apiError(400, 'BAD', `${TOKEN} and resolved-canary ${'x'.repeat(3_000)}`, { 'x-request-id': 'req-9' }),
    );
    const request = { ...SUBMIT, secrets: ['resolved-canary'] };
    const thrown = await rejection(open().send(request, callContext()));
    const { message } = thrown as LonghaulError;
    expect(message).not.toMatch(/canary/);
    expect(message).toContain('*** and ***');
    expect(message).toMatch(/\(request req-9\)$/);
    expect(message.length).toBeLessThanOrEqual(1_000);
  });
});

describe('the version of the API', () => {
  it('falls back to 2.1 where 2.2 is not known, and remembers it', async () => {
    fake.on('/api/2.1/jobs/runs/get', { body: runOf('RUNNING') });
    const client = open();
    await client.send(READ, callContext());
    await client.send(READ, callContext());
    expect(fake.requests.map(({ path }) => path.slice(5, 8))).toEqual(['2.2', '2.1', '2.1']);
  });

  it('stays on 2.2 when a run is not found', async () => {
    fake.on('/runs/get', apiError(404, 'RESOURCE_DOES_NOT_EXIST', 'Run 1 does not exist'));
    expect((await errorOf(open(), READ)).code).toBe('RUN_GONE');
    expect(fake.requests).toHaveLength(1);
  });

  it('does not take a gateway’s bare 404 for a run that is gone', async () => {
    fake.on('', { status: 404, body: '<html><title>404</title></html>' });
    expect((await errorOf(open(), READ)).code).toBe('UNAVAILABLE');
  });
});

describe('OAuth', () => {
  let issued: number;
  beforeEach(() => {
    issued = 0;
    fake.on('/oidc/v1/token', () => {
      issued += 1;
      return { body: { access_token: `token-${issued}`, token_type: 'Bearer', expires_in: 3600 } };
    });
  });

  it('asks for one token however many callers come at once', async () => {
    fake.on('/runs/get', { body: runOf('RUNNING') });
    const client = open(OAUTH);
    await Promise.all(Array.from({ length: 500 }, () => client.send(READ, callContext())));
    expect(issued).toBe(1);
    const [request] = fake.requestsTo('/oidc/v1/token');
    expect(request?.headers.authorization).toBe(`Basic ${btoa('cid:client-secret-canary')}`);
    expect(request?.text).toBe('grant_type=client_credentials&scope=all-apis');
    expect(fake.requestsTo('/runs/get')[0]?.headers['user-agent']).toMatch(/auth\/oauth-m2m$/);
  });

  it.each([
    ['401', apiError(401, 'UNAUTHENTICATED', 'no')],
    ['403 with words', apiError(403, 'PERMISSION_DENIED', 'Invalid access token.')],
  ])('renews a token that the server ended early (%s), once for all callers', async (_, refusal) => {
    fake.on('/runs/get', ({ headers }) =>
      headers.authorization === 'Bearer token-1' ? refusal : { body: runOf('RUNNING') },
    );
    const client = open(OAUTH);
    await Promise.all(Array.from({ length: 50 }, () => client.send(READ, callContext())));
    expect(issued).toBe(2);
  });

  it('gives up after one renewal', async () => {
    fake.on('/runs/get', apiError(401, 'UNAUTHENTICATED', 'no'));
    expect((await errorOf(open(OAUTH), READ)).code).toBe('UNAUTHENTICATED');
    expect([issued, fake.requestsTo('/runs/get').length]).toEqual([2, 2]);
  });

  it('says that the credentials were refused without showing them', async () => {
    fake.on('/oidc/v1/token', {
      status: 401,
      body: { error: 'invalid_client', error_description: 'bad client-secret-canary' },
    });
    const error = await errorOf(open(OAUTH), READ);
    expect(error.code).toBe('UNAUTHENTICATED');
    expect(error.message).not.toContain('canary');
  });

  it('lets a canceled caller go and the others have their token', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    fake.on('/runs/get', { body: runOf('RUNNING') });
    fake.on('/oidc/v1/token', async () => {
      await gate;
      return { body: { access_token: 'late', expires_in: 3600 } };
    });
    const client = open(OAUTH);
    const controller = new AbortController();
    const canceled = rejection(client.send(READ, callContext({ signal: controller.signal })));
    const patient = client.send(READ, callContext());
    controller.abort('gone');
    expect(await canceled).toBe('gone');
    release();
    expect(await patient).toMatchObject({ run_id: 4711 });
  });

  it('renews two minutes early, and lives with a failed renewal for half a minute, until the token really ends', async () => {
    let now = 0;
    let fails = false;
    let requests = 0;
    const issue = async () => {
      requests += 1;
      if (fails) throw new LonghaulError('UNAVAILABLE', 'down');
      return { token: `t${requests}`, lifetimeMs: 3_600_000 };
    };
    const source = createTokenSource({ kind: 'oauth-m2m', renewable: true, issue }, () => now);
    expect(await source.token()).toBe('t1');
    now = 3_479_000;
    expect(await source.token()).toBe('t1');
    now = 3_480_000;
    fails = true;
    expect(await source.token()).toBe('t1');
    fails = false;
    expect(await source.token()).toBe('t1');
    expect(requests).toBe(2);
    now += 30_000;
    expect(await source.token()).toBe('t3');
    fails = true;
    now += 3_600_000;
    expect(await rejection(source.token())).toMatchObject({ code: 'UNAVAILABLE' });
  });
});
