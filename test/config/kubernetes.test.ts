import { createKubernetesApi, readKubernetesSettings } from '../../src/config/kubernetes';
import type { KubernetesApi } from '../../src/connector';
import { startKubernetesServer, type KubernetesServer } from '../support/kubernetes-server';

let server: KubernetesServer;

beforeEach(async () => {
  server = await startKubernetesServer();
});

afterEach(() => server.close());

function open(): KubernetesApi {
  const settings = readKubernetesSettings(server.env);
  if (settings === undefined) throw new Error('no settings');
  return createKubernetesApi(settings);
}

test('a Secret is read decoded, and the next time as it is then', async () => {
  server.secrets.set('etl/db', { password: 'p@ss\n', user: 'u' });
  const api = open();
  expect(await api.readSecret({ namespace: 'etl', name: 'db' })).toEqual({ password: 'p@ss', user: 'u' });
  server.secrets.set('etl/db', { password: 'rotated' });
  expect(await api.readSecret({ namespace: 'etl', name: 'db' })).toEqual({ password: 'rotated' });
  expect(await api.readSecret({ namespace: 'etl', name: 'gone' })).toBeUndefined();
});

test('the token of the pod is read at each request, because Kubernetes renews it', async () => {
  const api = open();
  server.rotateToken('pod-token-canary-2');
  await expect(api.readSecret({ namespace: 'etl', name: 'x' })).resolves.toBeUndefined();
});

test('ServiceAccounts are found by label, and give tokens for an audience', async () => {
  server.serviceAccounts.push(
    { namespace: 'etl', name: 'a', labels: { 'x/y': 'true' }, annotations: { note: 'n' } },
    { namespace: 'etl', name: 'b' },
    { namespace: 'other', name: 'c', labels: { 'x/y': 'true' } },
  );
  const api = open();
  expect(await api.listServiceAccounts({ namespace: 'etl', labelSelector: 'x/y=true' })).toEqual([
    { name: 'a', annotations: { note: 'n' } },
  ]);
  const token = await api.requestToken({ namespace: 'etl', name: 'a', audience: 'databricks' });
  expect(token).toBe('jwt-canary:etl/a:databricks');
});

test('a refusal names the object and the role to check, and no token', async () => {
  server.forbidden.add('secret-team');
  const refused = open().readSecret({ namespace: 'secret-team', name: 'db' });
  await expect(refused).rejects.toMatchObject({
    code: 'SECRET_UNAVAILABLE',
    message:
      'Kubernetes answered 403 for /api/v1/namespaces/secret-team/secrets/db: cannot get resource in secret-team.',
    advice: expect.stringContaining('role'),
  });
  await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('canary') });
});

test.each(['../kube-system', 'a/b', '', 'UPPER', 'x?y'])(
  'the name %j, which no Kubernetes object has, is not sent',
  async (name) => {
    await expect(open().readSecret({ namespace: name, name: 'db' })).rejects.toMatchObject({
      code: 'SECRET_UNAVAILABLE',
    });
    expect(server.requests).toEqual([]);
  },
);

test('a cluster that does not answer is UNAVAILABLE, which is waited out', async () => {
  const api = open();
  await server.close();
  await expect(api.readSecret({ namespace: 'etl', name: 'db' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  server = await startKubernetesServer();
});

test('without a cluster there is none, and http leads to this machine only', () => {
  expect(readKubernetesSettings({})).toBeUndefined();
  expect(readKubernetesSettings({ ...server.env, LONGHAUL_KUBERNETES_API: 'off' })).toBeUndefined();
  expect(() => readKubernetesSettings({ LONGHAUL_KUBERNETES_API: 'http://10.0.0.1' })).toThrow(
    /must be the https/,
  );
  expect(readKubernetesSettings({ LONGHAUL_KUBERNETES_API: 'https://k8s.example/' })?.api).toBe(
    'https://k8s.example',
  );
});
