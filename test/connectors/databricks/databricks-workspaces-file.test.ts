import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { loadWorkspaces, type LoadWorkspacesOptions } from '../../../src/connectors/databricks';
import { withWorkspaceDefaults } from '../../../src/connectors/databricks/databricks-defaults';

const FILE = `
default: prod
workspaces:
  prod:
    host: prod.example.com
    auth: { kind: oauth-m2m, clientId: cid, clientSecret: { $secret: 'file:/run/secrets/prod' } }
    limits: { requestsPerSecond: 20, submitsPerSecond: 5 }
    defaults: { performance_target: STANDARD, timeout_seconds: 3600 }
    projects: [team-a, team-b-*]
  prod-c:
    host: prod.example.com
    auth: { kind: azure-managed-identity, clientId: user-assigned, resourceId: /subscriptions/s }
    projects: [team-c]
  lab:
    auth: { kind: profile, profile: lab-profile }
rules:
  - { project: team-c, workspace: prod-c }
  - { project: 'lab-*', workspace: lab }
`;
const PROFILES = `
[lab-profile]
host = lab.example.com
token = lab-token

[prod]
host = other.example.com
token = other
`;

function load(text: string, env: LoadWorkspacesOptions['env'] = {}) {
  const files: Record<string, string> = { '/etc/workspaces.yaml': text, '/home/u/.databrickscfg': PROFILES };
  return loadWorkspaces({
    env: { HOME: '/home/u', LONGHAUL_WORKSPACES: '/etc/workspaces.yaml', ...env },
    readFile: (path) => files[path],
  });
}

describe('a file of workspaces', () => {
  test('names each with host, credentials by reference, limits, defaults and projects', () => {
    expect(load(FILE).resolve('prod')).toEqual({
      name: 'prod',
      host: 'https://prod.example.com',
      auth: {
        kind: 'oauth-m2m',
        clientId: 'cid',
        clientSecret: { $secret: 'file:/run/secrets/prod' },
      },
      requestTimeoutMs: 60_000,
      limits: { requestsPerSecond: 20, submitsPerSecond: 5 },
      defaults: { performance_target: 'STANDARD', timeout_seconds: 3600 },
      projects: ['team-a', 'team-b-*'],
    });
  });

  test('takes host and credentials of a profile', () => {
    expect(load(FILE).resolve('lab')).toMatchObject({
      host: 'https://lab.example.com',
      auth: { kind: 'pat', token: 'lab-token' },
    });
  });

  test('with a profile that does not exist is refused, naming both; a caller that asks for it hears of it instead', () => {
    const text = 'workspaces: { w: { auth: { kind: profile, profile: nowhere } } }';
    expect(() => load(text)).toThrow(/workspaces\.w\.auth: profile nowhere cannot be used/);
    const heard: string[] = [];
    const directory = loadWorkspaces({
      env: { LONGHAUL_WORKSPACES: '/w.yaml' },
      readFile: (path) => (path === '/w.yaml' ? text : undefined),
      onUnusable: (name, { code }) => heard.push(`${name} ${code}`),
    });
    expect(heard).toEqual(['w CONFIG']);
    expect(directory.workspaces).toEqual([]);
  });

  test('may be JSON as well', () => {
    const text = JSON.stringify({
      workspaces: { w: { host: 'w.example', auth: { kind: 'pat', token: { $secret: 'k8s:ns/s/token' } } } },
    });
    expect(load(text).resolve('w').auth).toEqual({ kind: 'pat', token: { $secret: 'k8s:ns/s/token' } });
  });

  test('comes before environment and profiles of the same name, and its default before theirs', () => {
    const directory = load(FILE, { DATABRICKS_HOST: 'env.example.com', DATABRICKS_TOKEN: 't' });
    expect(directory.resolve().name).toBe('prod');
    expect(directory.resolve('prod').host).toBe('https://prod.example.com');
    expect(directory.resolve('default').host).toBe('https://env.example.com');
    expect(directory.resolve('lab-profile').host).toBe('https://lab.example.com');
  });

  test.each([
    ['workspaces: { w: { host: h, auth: { kind: magic } } }', 'workspaces.w.auth.kind: '],
    ['workspaces: { w: { host: h, auth: { kind: pat } } }', 'workspaces.w.auth.token: must be text or'],
    [
      'workspaces: { w: { host: h, auth: { kind: pat, token: { $secret: canary } } } }',
      'workspaces.w.auth.token: must be text or { $secret: env:NAME',
    ],
    ['workspaces: { w: { host: h, auth: { kind: pat, token: t }, limit: {} } }', 'workspaces.w: '],
    [
      'workspaces: { w: { host: h, auth: { kind: pat, token: t }, limits: { requestsPerSecond: 0 } } }',
      'workspaces.w.limits.requestsPerSecond: must be above 0',
    ],
    [
      'workspaces: { w: { host: h, auth: { kind: pat, token: t }, defaults: { tasks: [] } } }',
      'workspaces.w.defaults.tasks',
    ],
    [
      "workspaces: { w: { host: h, auth: { kind: pat, token: t }, projects: ['*a'] } }",
      'workspaces.w.projects[0]: may hold * only at the end',
    ],
    ['workspaces: { w: { host: "http://h.example", auth: { kind: pat, token: t } } }', 'workspaces.w.host: '],
    ['workspaces: { w: { auth: { kind: pat, token: t } } }', 'workspaces.w.host: is missing'],
    ['{ default: x, workspaces: {} }', 'default: names no workspace of the file (there are: none)'],
    ['{ workspaces: {}, rules: [{ project: p, workspace: x }] }', 'rules[0].workspace: names no workspace'],
    ['workspaces: { w: {', 'is neither YAML nor JSON (line 1)'],
  ])('that is crooked is refused with the field and no value: %s', (text, words) => {
    const load1 = (): unknown => load(text);
    expect(load1).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringContaining(`LONGHAUL_WORKSPACES (/etc/workspaces.yaml): ${words}`) as string,
      }),
    );
    expect(load1).not.toThrow(/canary/);
  });

  test('that is not there is refused', () => {
    expect(() => load(FILE, { LONGHAUL_WORKSPACES: '/etc/gone.yaml' })).toThrow(/gone.yaml, which does not/);
  });

  test('and named by a relative path is told by the absolute one', () => {
    const meant = `LONGHAUL_WORKSPACES names ${resolve('gone.yaml')}, which does not exist.`;
    expect(() => load(FILE, { LONGHAUL_WORKSPACES: 'gone.yaml' })).toThrow(meant);
  });
});

describe('a task’s project', () => {
  const directory = load(FILE);
  const of = (project?: string) => ({ project });

  test.each([
    ['team-c', 'prod-c'],
    ['lab-1', 'lab'],
    ['team-a', 'prod'],
    ['team-b-7', 'prod'],
  ])('%s runs in %s when the task names no workspace', (project, name) => {
    expect(directory.resolve(undefined, of(project)).name).toBe(name);
  });

  test.each([
    ['prod', 'team-c'],
    ['prod', 'team-bb'],
    ['prod', 'team-a2'],
    ['prod', undefined],
    ['prod-c', 'team-a'],
    [undefined, 'stranger'],
    ['prod.example.com', 'stranger'],
  ])('cannot use what is not open to it: workspace %s, project %s', (selector, project) => {
    const refused = expect.objectContaining({ code: 'PERMISSION_DENIED' }) as Error;
    expect(() => directory.resolve(selector, of(project))).toThrow(refused);
    expect(() => directory.resolveHost(selector, of(project))).toThrow(refused);
  });

  test('decides between workspaces of one host', () => {
    expect(directory.resolve('https://prod.example.com', of('team-a')).name).toBe('prod');
    expect(directory.resolve('https://prod.example.com', of('team-c')).name).toBe('prod-c');
  });

  test('is not asked of a task that was let in before: it still finds its own', () => {
    const admitted = { project: 'team-c', isAdmitted: true };
    expect(directory.resolve('prod', admitted).name).toBe('prod');
    expect(directory.resolve(undefined, admitted).name).toBe('prod-c');
  });
});

describe('defaults of a workspace', () => {
  const defaults = { performance_target: 'STANDARD', timeout_seconds: 60, queue: { enabled: true } };

  test('stand where a task says nothing', () => {
    const body = { tasks: [], timeout_seconds: 5 };
    expect(withWorkspaceDefaults({ operation: 'submit', body }, defaults)).toEqual({
      performance_target: 'STANDARD',
      timeout_seconds: 5,
      queue: { enabled: true },
      tasks: [],
    });
  });

  test('for a job that exists are those that a run of it can say', () => {
    expect(withWorkspaceDefaults({ operation: 'run-now', body: { job_id: 1 } }, defaults)).toEqual({
      performance_target: 'STANDARD',
      queue: { enabled: true },
      job_id: 1,
    });
  });
});

describe('Databricks’ own settings', () => {
  const host = { DATABRICKS_HOST: 'h.example' };
  const load1 = (env: Record<string, string>) =>
    loadWorkspaces({ env: { HOME: '/home/u', ...host, ...env }, readFile: () => undefined });
  const ARM = { ARM_CLIENT_ID: 'a', ARM_CLIENT_SECRET: 's', ARM_TENANT_ID: 't' };

  test.each([
    [ARM, { kind: 'azure-client-secret', clientId: 'a', clientSecret: 's', tenantId: 't' }],
    [{ ARM_USE_MSI: 'true' }, { kind: 'azure-managed-identity' }],
    [
      {
        DATABRICKS_AUTH_TYPE: 'azure-cli',
        DATABRICKS_AZURE_RESOURCE_ID: '/s',
        ARM_ENVIRONMENT: 'usgovernment',
      },
      { kind: 'azure-cli', resourceId: '/s', environment: 'USGOVERNMENT' },
    ],
    [{ DATABRICKS_GOOGLE_SERVICE_ACCOUNT: 'sa@p' }, { kind: 'google-id', serviceAccount: 'sa@p' }],
    [{ GOOGLE_CREDENTIALS: '/key.json' }, { kind: 'google-credentials', credentials: '/key.json' }],
    [
      { DATABRICKS_OIDC_TOKEN_FILEPATH: '/run/jwt', DATABRICKS_CLIENT_ID: 'sp' },
      {
        kind: 'oidc-federation',
        source: { kind: 'token', token: { $secret: 'file:/run/jwt' } },
        clientId: 'sp',
      },
    ],
    [
      { DATABRICKS_AUTH_TYPE: 'env-oidc' },
      { kind: 'oidc-federation', source: { kind: 'token', token: { $secret: 'env:DATABRICKS_OIDC_TOKEN' } } },
    ],
    [
      { DATABRICKS_AUTH_TYPE: 'github-oidc', DATABRICKS_TOKEN_AUDIENCE: 'aud' },
      { kind: 'oidc-federation', source: { kind: 'github' }, audience: 'aud' },
    ],
  ])('%j', (env, auth) => {
    expect(load1(env).resolve().auth).toEqual(auth);
  });

  test('for more than one kind are refused unless one is chosen', () => {
    const env = { ...ARM, DATABRICKS_TOKEN: 't' };
    expect(() => load1(env).resolve()).toThrow(
      /more than one authorization method is configured \(pat, azure-client-secret\)/,
    );
    expect(load1({ ...env, DATABRICKS_AUTH_TYPE: 'azure-client-secret' }).resolve().auth.kind).toBe(
      'azure-client-secret',
    );
  });

  test('of a chosen kind that lack something say what', () => {
    expect(() => load1({ DATABRICKS_AUTH_TYPE: 'google-id' }).resolve()).toThrow(
      /needs google_service_account/,
    );
  });
});

describe('docs/workspaces.md', () => {
  const text = readFileSync(join(__dirname, '../../../docs/workspaces.md'), 'utf8');
  const shown = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml = '']) => yaml);
  const profiles = '[lab]\nhost = l.example\ntoken = t\n[DEFAULT]\nhost = d.example\ntoken = t\n';
  const read = (yaml: string) =>
    loadWorkspaces({
      env: { HOME: '/home/u', LONGHAUL_WORKSPACES: '/w.yaml' },
      readFile: (path) => (path === '/w.yaml' ? yaml : profiles),
    });

  test('shows files that are read, with every kind of authentication', () => {
    const files = shown.filter((yaml) => /^workspaces:/m.test(yaml));
    const kinds = files.flatMap((yaml) => read(yaml).workspaces.map(({ auth }) => auth.kind));
    expect(files).toHaveLength(2);
    expect([...new Set(kinds)].sort()).toEqual([
      'azure-cli',
      'azure-client-secret',
      'azure-managed-identity',
      'google-credentials',
      'google-id',
      'oauth-m2m',
      'oidc-federation',
      'pat',
    ]);
  });
});
