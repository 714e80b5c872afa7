import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { REPOSITORY } from './lint-house';

interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly version: string;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(join(REPOSITORY, path), 'utf8'));
const { packages } = readJson('package-lock.json') as Lockfile;
const manifest = readJson('package.json') as Manifest;

/** Where `name` is loaded from when the package `from` asks for it. */
function resolveFrom(from: string, name: string): string {
  const folder = dirname(require.resolve(`${from}/package.json`, { paths: [REPOSITORY] }));
  return require.resolve(name, { paths: [folder] });
}

describe('the packages', () => {
  // With a second copy, replaying a history from JSON dies with `TypeError: type must be a Type`.
  test.each(['@temporalio/proto', '@temporalio/common', '@temporalio/worker', '@temporalio/client'])(
    '%s shares our copy of protobufjs',
    (name) => {
      expect(resolveFrom(name, 'protobufjs')).toBe(require.resolve('protobufjs', { paths: [REPOSITORY] }));
    },
  );

  test('all of the Temporal SDK has one version', () => {
    const versions = Object.entries(packages)
      .filter(([path]) => path.includes('node_modules/@temporalio/'))
      .map(([, { version }]) => version);
    expect([...new Set(versions)]).toEqual([manifest.dependencies['@temporalio/worker']]);
  });

  test('versions are exact', () => {
    const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(ranges.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test('the lockfile names no place to download from', () => {
    expect(Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined)).toEqual([]);
  });
});

// A registry that serves only some platforms makes npm leave the others out, and `npm ci` then refuses the lockfile:
// scripts/complete-lockfile.mjs mends it.
test('the lockfile knows the packages of every platform', () => {
  const isLocked = (parent: string, name: string): boolean =>
    Object.hasOwn(packages, `node_modules/${name}`) ||
    Object.hasOwn(packages, `${parent}/node_modules/${name}`);
  const missing = Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isLocked(parent, name)),
  );
  expect(missing).toEqual([]);
});

describe('what is shipped', () => {
  test('dist, the Python worker and documents; no other sources and no tests', () => {
    expect(manifest.files).toEqual([
      ...['dist', 'examples', 'docs'],
      ...['python/pyproject.toml', 'python/requirements/airflow*.txt', 'python/src/**/*.py'],
      'CHANGELOG.md',
    ]);
  });

  test('dist is built of the sources only', () => {
    expect(readJson('tsconfig.build.json')).toMatchObject({ include: ['src', 'workflows', 'activities'] });
  });

  test('the compose file runs the image of this version', () => {
    const compose = readFileSync(join(REPOSITORY, 'docker-compose.yml'), 'utf8');
    expect(compose).toContain(`image: longhaul:${manifest.version}\n`);
  });
});
