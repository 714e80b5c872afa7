/**
 * Adds to package-lock.json the platform packages that npm left out: run it when `npm ci` says `Missing: … from lock
 * file` after an install from a registry that serves only some platforms. The versions are the exact ones their
 * parents ask for. Source: npm/cli issue 9342.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PLATFORM = /-(android|darwin|freebsd|linux|openharmony|win32)-([a-z0-9]+)(?:-(gnu|musl))?/;
const path = join(import.meta.dirname, '../package-lock.json');

/** The lockfile's words on a package that was not seen: what its name and its siblings tell. */
function entryOf(name, version, { dev, sibling }) {
  const [, os, cpu, libc] = PLATFORM.exec(name);
  return {
    version,
    cpu: [cpu],
    ...(dev && { dev }),
    ...(libc && sibling?.libc && { libc: [libc === 'musl' ? 'musl' : 'glibc'] }),
    ...(sibling?.license && { license: sibling.license }),
    optional: true,
    os: [os],
    ...(sibling?.engines && { engines: sibling.engines }),
  };
}

function missingEntries(packages) {
  return Object.entries(packages).flatMap(([parent, { dev, optionalDependencies = {} }]) => {
    const names = Object.keys(optionalDependencies).filter((name) => PLATFORM.test(name));
    const sibling = names.map((name) => packages[`node_modules/${name}`]).find(Boolean);
    return names
      .filter((name) => !packages[`node_modules/${name}`] && !packages[`${parent}/node_modules/${name}`])
      .map((name) => [`node_modules/${name}`, entryOf(name, optionalDependencies[name], { dev, sibling })]);
  });
}

const lockfile = JSON.parse(await readFile(path, 'utf8'));
const missing = missingEntries(lockfile.packages);
const entries = [...Object.entries(lockfile.packages), ...missing].sort(([a], [b]) =>
  a.localeCompare(b, 'en'),
);
await writeFile(path, `${JSON.stringify({ ...lockfile, packages: Object.fromEntries(entries) }, null, 2)}\n`);
console.log(`Added ${missing.length} platform packages.`);
