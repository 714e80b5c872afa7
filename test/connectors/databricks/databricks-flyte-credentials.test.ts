import { createKubernetesApi, readKubernetesSettings } from '../../../src/config/kubernetes';
import { createSecretResolver } from '../../../src/config/secret-resolver';
import type { CallContext, CreateRequest, JsonObject } from '../../../src/connector';
import {
  createDatabricksConnectors,
  DatabricksJobMetadata,
  loadWorkspaces,
  readFlyteDefaults,
  type DatabricksConnectorV2,
  type IdentityPorts,
} from '../../../src/connectors/databricks';
import { startKubernetesServer, type KubernetesServer } from '../../support/kubernetes-server';
import { callContext, IDEMPOTENCY_TOKEN, rejection, template } from './support/calls';
import { runOf, startFakeWorkspace, type FakeWorkspace } from './support/fake-workspace';

let fake: FakeWorkspace;
let cluster: KubernetesServer;
const opened: DatabricksConnectorV2[] = [];

beforeEach(async () => {
  fake = await startFakeWorkspace();
  cluster = await startKubernetesServer();
  fake.on('/runs/submit', { body: { run_id: 4711 } });
  fake.on('/runs/get', { body: runOf('RUNNING') });
  fake.on('/runs/cancel', { body: {} });
  fake.on('/oidc/v1/token', ({ headers, text }) => {
    const who = new URLSearchParams(text).get('subject_token') ?? headers.authorization ?? '';
    return { body: { access_token: `for ${who}`, expires_in: 3600 } };
  });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
  await Promise.all([fake.close(), cluster.close()]);
});

interface Options {
  readonly env?: Record<string, string>;
  readonly inCluster?: boolean;
}

/** A process of its own: what it knows of a run comes from the run's meta. */
function connector({ env = {}, inCluster = true }: Options = {}): DatabricksConnectorV2 {
  const settings = inCluster ? readKubernetesSettings(cluster.env) : undefined;
  const kubernetes = settings === undefined ? undefined : createKubernetesApi(settings);
  const readSecret = createSecretResolver({
    ...{ env, kubernetes, allowed: 'all' as const },
    readFile: async (path) => `jwt of ${path}`,
  });
  const identity: IdentityPorts = {
    env,
    readSecret: (name) => readSecret(name),
    kubernetes,
    onSecret: () => undefined,
  };
  const all = { FLYTE_DATABRICKS_INSTANCE: fake.host, FLYTE_DATABRICKS_ACCESS_TOKEN: 'operator-pat', ...env };
  const [only] = createDatabricksConnectors({
    workspaces: loadWorkspaces({ env: all, readFile: () => undefined }),
    flyte: readFlyteDefaults(all),
    identity,
  });
  if (only === undefined) throw new Error('no connector');
  opened.push(only);
  return only;
}

function request(custom: Record<string, string>, namespace?: string): CreateRequest {
  return {
    template: template(
      { databricksConf: { existing_cluster_id: 'c' }, ...custom },
      {
        container: { image: 'i', args: ['pyflyte-execute'], env: {} },
      },
    ),
    idempotencyToken: IDEMPOTENCY_TOKEN,
    ...(namespace === undefined ? {} : { taskExecution: { namespace } }),
  };
}

const inNamespace = (namespace: string): CallContext => callContext({ taskExecution: { namespace } });

/** Who asked last, at this path. */
const asker = (pathEnd: string) => fake.requestsTo(pathEnd).at(-1)?.headers.authorization;

async function create(custom: Record<string, string>, options: Options = {}): Promise<JsonObject> {
  const { meta } = await connector(options).create(request(custom, 'team-a'), inNamespace('team-a'));
  return meta;
}

describe('a Flyte task', () => {
  test('runs with the token of its namespace’s Secret before the operator’s', async () => {
    cluster.secrets.set('team-a/databricks-token', { token: 'namespace-pat' });
    cluster.secrets.set('team-b/databricks-token', { token: 'foreign-pat' });
    await create({});
    expect(asker('/runs/submit')).toBe('Bearer namespace-pat');
  });

  test.each<[string, Options, string | undefined]>([
    ['its namespace has none', {}, 'team-a'],
    ['there is no cluster', { inCluster: false }, 'team-a'],
    ['nobody says its namespace', {}, undefined],
  ])('runs with the operator’s when %s', async (_, options, namespace) => {
    if (namespace === undefined) cluster.secrets.set('team-a/databricks-token', { token: 'namespace-pat' });
    await connector(options).create(request({}, namespace), callContext());
    expect(asker('/runs/submit')).toBe('Bearer operator-pat');
  });

  test('runs with the operator’s, and a warning, where the worker may not read the default Secret', async () => {
    cluster.forbidden.add('team-a');
    const warned: string[] = [];
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: (text: string) => warned.push(text),
    };
    await connector().create(request({}, 'team-a'), callContext({ logger }));
    expect(asker('/runs/submit')).toBe('Bearer operator-pat');
    expect(warned).toEqual([expect.stringContaining('cannot be read')]);
  });

  test('that names a Secret which is not there is refused, never run with the operator’s', async () => {
    expect(await rejection(create({ databricksTokenSecret: 'my-token' }))).toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      message: expect.stringContaining('my-token'),
    });
    expect(fake.requestsTo('/runs/submit')).toEqual([]);
  });

  test('runs as the OAuth client of its namespace', async () => {
    cluster.secrets.set('team-a/databricks-oauth', { client_id: 'ns', client_secret: 's' });
    await create({ databricksAuthType: 'oauth_m2m' });
    expect(asker('/runs/submit')).toBe(`Bearer for Basic ${btoa('ns:s')}`);
  });

  test('runs as the operator’s OAuth client where the operator has both kinds', async () => {
    const env = { DATABRICKS_CLIENT_ID: 'op', DATABRICKS_CLIENT_SECRET: 's' };
    const meta = await create({ databricksAuthType: 'oauth_m2m' }, { env });
    expect(asker('/runs/submit')).toBe(`Bearer for Basic ${btoa('op:s')}`);
    await connector({ env }).get(meta, inNamespace('team-a'));
    expect(asker('/runs/get')).toBe(`Bearer for Basic ${btoa('op:s')}`);
    expect(await connector().create(request({}, 'team-a'), inNamespace('team-a'))).toBeDefined();
    expect(asker('/runs/submit')).toBe('Bearer operator-pat');
  });

  test('runs as its namespace’s labelled ServiceAccount', async () => {
    cluster.serviceAccounts.push(account('runner'));
    await create({ databricksAuthType: 'oidc_federation' });
    expect(asker('/runs/submit')).toBe('Bearer for jwt-canary:team-a/runner:databricks');
    expect(fake.requestsTo('/oidc/v1/token')[0]?.text).toContain('client_id=sp-runner');
  });

  test.each([
    ['two of them', [account('one'), account('two')], 'one, two'],
    ['one without a client id', [{ ...account('bare'), annotations: {} }], 'databricks-client-id'],
  ])('with %s is refused', async (_, accounts, words) => {
    cluster.serviceAccounts.push(...accounts);
    expect(await rejection(create({ databricksAuthType: 'oidc_federation' }))).toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining(words),
    });
  });

  test('names a token file only as far as secrets.allow lets it', async () => {
    const custom = { databricksAuthType: 'oidc_federation', databricksOidcTokenFile: '/run/jwt' };
    const resolveSecret = createSecretResolver({
      ...{ env: {}, allowed: ['file:/run/*'], readFile: async () => 'x' },
    });
    const allowed = callContext({ resolveSecret: (reference) => resolveSecret(reference) });
    await connector().create(request(custom), allowed);
    expect(asker('/runs/submit')).toBe('Bearer for jwt of /run/jwt');
    const elsewhere = { ...custom, databricksOidcTokenFile: '/etc/shadow' };
    expect(await rejection(connector().create(request(elsewhere), allowed))).toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  test('of an unknown kind is refused at the door', () => {
    expect(() => connector().parseTask(request({ databricksAuthType: 'basic' }).template)).toThrow(
      /custom.databricksAuthType: must be one of pat, oauth_m2m, oidc_federation/,
    );
  });
});

describe('a run’s meta', () => {
  test('names where its credentials are and never holds one', async () => {
    cluster.secrets.set('team-a/databricks-token', { token: 'namespace-pat' });
    const meta = await create({});
    expect(meta['credentials']).toEqual({ kind: 'pat', namespace: 'team-a', secret: 'databricks-token' });
    const bytes = DatabricksJobMetadata.encode(DatabricksJobMetadata.parse(meta));
    expect(new TextDecoder().decode(bytes)).not.toContain('namespace-pat');
    expect(DatabricksJobMetadata.decode(bytes)).toEqual(meta);
  });

  test('lets a worker that knows nothing else look and stop, also after the Secret was rotated', async () => {
    cluster.secrets.set('team-a/databricks-token', { token: 'first' });
    const meta = await create({});
    cluster.secrets.set('team-a/databricks-token', { token: 'second' });
    await connector().get(meta, inNamespace('team-a'));
    expect(asker('/runs/get')).toBe('Bearer second');
    await connector().delete({ kind: 'meta', meta }, inNamespace('team-a'));
    expect(asker('/runs/cancel')).toBe('Bearer second');
    await connector().getLogs(meta, {}, callContext());
    expect(asker('/runs/get')).toBe('Bearer second');
  });

  test('gives no other namespace its credentials, at the door or in the activity', async () => {
    cluster.secrets.set('team-a/databricks-token', { token: 'first' });
    const meta = await create({});
    const before = fake.requests.length;
    expect(await rejection(connector().get(meta, inNamespace('team-b')))).toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    for (const taskExecution of [{ namespace: 'team-b' }, {}]) {
      expect(() => connector().authorize({ meta }, taskExecution)).toThrow(/belongs to namespace team-a/);
    }
    expect(() => connector().authorize({ meta }, { namespace: 'team-a' })).not.toThrow();
    expect(fake.requests).toHaveLength(before);
  });

  test('stays as it was where the workspace’s own credentials are used', async () => {
    expect(Object.keys(await create({}))).toEqual(['version', 'databricksInstance', 'runId', 'flyte']);
  });
});

function account(name: string) {
  return {
    namespace: 'team-a',
    name,
    labels: { 'flyte.org/databricks-enabled': 'true' },
    annotations: { 'flyte.org/databricks-client-id': `sp-${name}` },
  };
}
