import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnvironment } from '../../src/config/environment';
import { readPackageVersion } from '../../src/config/package-version';

const BARE = { HOME: '/home/ada', TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' };

function profileFile(toml: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'lh-config-')), 'temporal.toml');
  writeFileSync(file, toml);
  return file;
}

describe('the environment', () => {
  test('an empty environment gives the documented defaults', () => {
    const config = parseEnvironment({ HOME: '/home/ada' });
    expect(config).toMatchObject({
      home: '/home/ada/.longhaul',
      secretsAllow: [],
      embeddedSecretsAllow: ['env:LONGHAUL_SECRET_*'],
      logLevel: 'info',
      workflowTaskQueue: 'longhaul',
      engineIdleSeconds: 60,
      airflowMajor: 3,
      workers: 1,
      temporal: { configured: false, address: 'localhost:7233', namespace: 'default' },
    });
  });

  test('a variable set to nothing counts as not set', () => {
    const config = parseEnvironment({
      HOME: '/home/ada',
      LONGHAUL_HOME: '',
      TEMPORAL_ADDRESS: '',
      LONGHAUL_LOG_LEVEL: ' ',
    });
    expect(config).toMatchObject({
      home: '/home/ada/.longhaul',
      logLevel: 'info',
      temporal: { configured: false },
    });
  });

  test('the data folder becomes absolute and knows ~', () => {
    expect(parseEnvironment({ ...BARE, TEMPORAL_CONFIG_FILE: '', LONGHAUL_HOME: '~/lh' }).home).toBe(
      '/home/ada/lh',
    );
    expect(parseEnvironment({ HOME: '/home/ada', LONGHAUL_HOME: 'lh' }).home).toBe(join(process.cwd(), 'lh'));
  });

  test('an explicit list of secrets holds for embedded mode too', () => {
    const config = parseEnvironment({
      HOME: '/home/ada',
      LONGHAUL_SECRETS_ALLOW: 'env:A, file:/run/secrets/*,',
    });
    expect(config.secretsAllow).toEqual(['env:A', 'file:/run/secrets/*']);
    expect(config.embeddedSecretsAllow).toEqual(config.secretsAllow);
  });

  test.each([
    ['LONGHAUL_AIRFLOW', '1'],
    ['LONGHAUL_WORKERS', '0'],
    ['LONGHAUL_WORKERS', 'two'],
    ['LONGHAUL_SECRETS_ALLOW', 'env:*_TOKEN'],
    ['LONGHAUL_LOG_LEVEL', 'loud'],
    ['LONGHAUL_ENGINE_IDLE_SECONDS', '0'],
    ['LONGHAUL_ENGINE_IDLE_SECONDS', 'soon'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(() => parseEnvironment({ HOME: '/home/ada', [name]: value })).toThrow(
      expect.objectContaining({ code: 'CONFIG', field: name, message: expect.stringContaining(value) }),
    );
  });

  test('TEMPORAL_ADDRESS means that a Temporal is configured', () => {
    const { temporal } = parseEnvironment({
      HOME: '/home/ada',
      TEMPORAL_ADDRESS: 'temporal:7233',
      TEMPORAL_NAMESPACE: 'jobs',
    });
    expect(temporal).toMatchObject({ configured: true, address: 'temporal:7233', namespace: 'jobs' });
  });

  test('a profile with an address means it too, one without does not', () => {
    const withAddress = profileFile('[profile.default]\naddress = "cloud:7233"\napi_key = "k"\n');
    const without = profileFile('[profile.default]\nnamespace = "jobs"\n');
    expect(parseEnvironment({ TEMPORAL_CONFIG_FILE: withAddress }).temporal).toMatchObject({
      configured: true,
      address: 'cloud:7233',
      connection: { address: 'cloud:7233', apiKey: 'k', tls: true },
    });
    expect(parseEnvironment({ TEMPORAL_CONFIG_FILE: without }).temporal).toMatchObject({
      configured: false,
      namespace: 'jobs',
    });
  });

  test('a profile that does not exist is a CONFIG error', () => {
    expect(() => parseEnvironment({ HOME: '/home/ada', TEMPORAL_PROFILE: 'nowhere' })).toThrow(
      expect.objectContaining({ code: 'CONFIG' }),
    );
  });

  test('the version is that of package.json', () => {
    expect(readPackageVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });
});
