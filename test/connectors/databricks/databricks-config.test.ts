import {
  loadWorkspaces,
  normalizeHost,
  type LoadWorkspacesOptions,
} from '../../../src/connectors/databricks';

const FILE = `
[DEFAULT]
host = https://default.example.com
token = default-token

[team.one]
host = one.example.com/
client_id = cid
client_secret = csecret

[no-auth]
host = https://none.example.com

[cli]
host = https://cli.example.com
auth_type = databricks-cli

[__settings__]
default_profile = team.one
`;

const load = (env: LoadWorkspacesOptions['env'], file?: string) =>
  loadWorkspaces({ env: { HOME: '/home/u', ...env }, readFile: () => file });

describe('workspaces', () => {
  it('come from the environment by the name default', () => {
    const { resolve } = load({ DATABRICKS_HOST: 'https://Adb-1.example.com:443/', DATABRICKS_TOKEN: 't' });
    expect(resolve()).toEqual({
      name: 'default',
      host: 'https://adb-1.example.com',
      auth: { kind: 'pat', token: 't' },
      requestTimeoutMs: 60_000,
    });
  });

  it('take OAuth credentials from the environment', () => {
    const { resolve } = load({
      DATABRICKS_HOST: 'h.example',
      DATABRICKS_CLIENT_ID: 'c',
      DATABRICKS_CLIENT_SECRET: 's',
      LONGHAUL_HTTP_TIMEOUT_MS: '1500',
    });
    expect(resolve()).toMatchObject({
      auth: { kind: 'oauth-m2m', clientId: 'c', clientSecret: 's' },
      requestTimeoutMs: 1500,
    });
  });

  it('come from every profile of the file, none inheriting from DEFAULT', () => {
    const { resolve, workspaces } = load({}, FILE);
    expect(workspaces.map(({ name }) => name)).toEqual(['DEFAULT', 'team.one']);
    expect(resolve('team.one').host).toBe('https://one.example.com');
    expect(() => resolve('no-auth')).toThrow(/no-auth cannot be used: it has neither a token/);
    expect(() => resolve('cli')).toThrow(/databricks-cli is not supported/);
  });

  it('without credentials are known as hosts, each with the reason', () => {
    const { hostsOnly, resolveHost } = load({}, FILE);
    expect(hostsOnly.map(({ name, reason }) => [name, reason])).toEqual([
      ['no-auth', expect.stringMatching(/^it has neither a token nor a client id with a client secret/)],
      [
        'cli',
        expect.stringMatching(/^auth type databricks-cli is not supported \(supported: pat, oauth-m2m, /),
      ],
    ]);
    expect(resolveHost('none.example.com')).toEqual({
      name: 'no-auth',
      host: 'https://none.example.com',
      requestTimeoutMs: 60_000,
    });
    expect(resolveHost().name).toBe('team.one');
    expect(() => resolveHost('evil.example')).toThrow(/is not configured here/);
  });

  it('prefer the named profile, then the file’s own default', () => {
    expect(load({}, FILE).resolve().name).toBe('team.one');
    expect(load({ DATABRICKS_CONFIG_PROFILE: 'DEFAULT' }, FILE).resolve().name).toBe('DEFAULT');
  });

  it('refuse a profile that the file does not have', () => {
    expect(() => load({ DATABRICKS_CONFIG_PROFILE: 'gone' }, FILE)).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: '/home/u/.databrickscfg has no gone profile configured.',
      }),
    );
  });

  it('come from Flyte’s variables', () => {
    const env = { FLYTE_DATABRICKS_INSTANCE: 'dbx.example.invalid', FLYTE_DATABRICKS_ACCESS_TOKEN: 't' };
    expect(load(env).resolve()).toMatchObject({ name: 'flyte', host: 'https://dbx.example.invalid' });
  });

  it.each([
    'dbx.example.invalid',
    'https://dbx.example.invalid',
    'https://dbx.example.invalid:443/',
    'flyte',
  ])('are found by name and by any spelling of the host: %s', (selector) => {
    const env = { FLYTE_DATABRICKS_INSTANCE: 'dbx.example.invalid', FLYTE_DATABRICKS_ACCESS_TOKEN: 't' };
    expect(load(env).resolve(selector).name).toBe('flyte');
  });

  it('give no credentials to a host that is not configured', () => {
    const { resolve } = load({ DATABRICKS_HOST: 'h.example', DATABRICKS_TOKEN: 'secret-token' });
    expect(() => resolve('evil.example')).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining('evil.example') as string }),
    );
    expect(() => resolve('http://h.example')).toThrow(/is not configured/);
  });

  it('say what to do when there is none', () => {
    expect(() => load({}).resolve()).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        advice: expect.stringContaining('DATABRICKS_HOST') as string,
      }),
    );
  });

  it('refuse two kinds of credentials unless told which', () => {
    const env = {
      DATABRICKS_HOST: 'h.example',
      DATABRICKS_TOKEN: 't',
      DATABRICKS_CLIENT_ID: 'c',
      DATABRICKS_CLIENT_SECRET: 's',
    };
    expect(() => load(env).resolve()).toThrow(/more than one authorization method/);
    expect(load({ ...env, DATABRICKS_AUTH_TYPE: 'oauth-m2m' }).resolve().auth.kind).toBe('oauth-m2m');
  });

  it('let the caller add the simulated one, which only then may be plain http', () => {
    const { resolve } = loadWorkspaces({
      env: {},
      readFile: () => undefined,
      extra: [{ name: 'simulated', host: 'http://127.0.0.1:8765/', auth: { kind: 'pat', token: 't' } }],
    });
    expect(resolve('simulated').host).toBe('http://127.0.0.1:8765');
    expect(resolve('http://127.0.0.1:8765').name).toBe('simulated');
  });

  it.each(['http://example.com', 'ftp://example.com', 'https://user:pw@example.com', 'not a host'])(
    'refuse the host %s without repeating a password',
    (host) => {
      expect(() => normalizeHost(host)).toThrow(expect.objectContaining({ code: 'CONFIG' }));
      expect(() => normalizeHost(host)).not.toThrow(/pw/);
    },
  );
});
