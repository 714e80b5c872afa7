/**
 * Builds what is shipped: the gRPC types, dist/ from tsconfig.build.json, and dist/workflow-bundle.js, the one bundle of the workflows
 * that workers and tests load. It starts from an empty folder and ends non-zero when any step fails.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { generateProtobuf } from './generate-protobuf.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
/** Built aside and put in place whole: a running engine or test never finds half of it. */
const next = join(root, `.build-${process.pid}`); // as deep as dist/, or the source maps would point elsewhere
const require = createRequire(import.meta.url);

async function compile() {
  const tsc = require.resolve('typescript/bin/tsc');
  const child = spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', next], {
    cwd: root,
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error('tsc failed.');
}

async function makeExecutable() {
  const cli = join(next, 'src/cli/cli.js');
  const text = await readFile(cli, 'utf8');
  if (!text.startsWith('#!/usr/bin/env node\n')) throw new Error('src/cli/cli.ts has lost its shebang.');
  await chmod(cli, 0o755);
}

/** Beside the compiled code, as in src/. */
async function copyPython() {
  const folder = 'src/simulator/python';
  const isShipped = (path) => !/__pycache__|\.toml$|cache$/.test(path);
  await cp(join(root, folder), join(next, folder), { recursive: true, filter: isShipped });
}

async function bundleWorkflows() {
  const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows/index.ts'),
    workflowInterceptorModules: [join(root, 'workflows/trace-headers.ts')],
    logger: new DefaultLogger('WARN'),
  });
  await writeFile(join(next, 'workflow-bundle.js'), code);
}

/** One message for all that is missing, before any work. */
function assertSources() {
  const missing = ['workflows/index.ts', 'src/cli/cli.ts', 'src/index.ts'].filter(
    (path) => !existsSync(join(root, path)),
  );
  if (missing.length > 0)
    throw new Error(`Nothing was built, these sources are missing: ${missing.join(', ')}`);
}

const SOURCES = ['src', 'workflows', 'activities'];

/** npm runs `prepare` again on the first `npx longhaul`: an engine that runs from dist/ must not lose its files. */
async function stampOfSources() {
  const hash = createHash('sha256');
  const files = await listFiles(SOURCES.map((folder) => join(root, folder)));
  for (const file of [...files, ...INPUTS.map((name) => join(root, name))].sort()) {
    hash.update(file.slice(root.length)).update(await readFile(file));
  }
  return hash.digest('hex');
}

const INPUTS = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];
const STAMP = '.build-stamp';

async function listFiles(folders) {
  const listed = await Promise.all(
    folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })),
  );
  return listed.flat().flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
}

async function isUpToDate(stamp) {
  const file = join(dist, STAMP);
  return existsSync(file) && (await readFile(file, 'utf8')) === stamp;
}

async function build() {
  assertSources();
  await generateProtobuf();
  const stamp = await stampOfSources();
  if (process.argv.includes('--if-changed') && (await isUpToDate(stamp))) return false;
  try {
    await mkdir(next, { recursive: true });
    await Promise.all([compile().then(makeExecutable), bundleWorkflows(), copyPython()]);
    await writeFile(join(next, STAMP), stamp);
    await putInPlace();
  } finally {
    await rm(next, { recursive: true, force: true });
  }
  return true;
}

/** Of two builds at once the last one stays. */
async function putInPlace() {
  const old = `${next}-old`;
  for (let triesLeft = 5; ; triesLeft -= 1) {
    await rename(dist, old).catch(() => undefined);
    try {
      await rename(next, dist);
      break;
    } catch (error) {
      if (triesLeft === 0) throw error;
    } finally {
      await rm(old, { recursive: true, force: true });
    }
  }
}

const startedAt = Date.now();
try {
  const built = await build();
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(built ? `Built dist/ in ${seconds} s.` : 'dist/ is up to date.');
} catch (error) {
  console.error(`The build failed: ${error.message}`);
  process.exitCode = 1;
}
