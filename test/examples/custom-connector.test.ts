import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

import { runTypeScriptChild, type TypeScriptChild } from '../support/run-typescript-child';

const ROOT = join(__dirname, '../..');
const children: TypeScriptChild[] = [];

afterEach(async () => {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.ended));
});

/** The example as a user has it: in a folder of its own, with longhaul as a package; here it is our sources. */
function installExample(): string {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-example-'));
  cpSync(join(ROOT, 'examples/custom-connector'), folder, { recursive: true });
  installPackage(folder, 'longhaul', 'src/index.ts');
  installPackage(folder, '@temporalio/client', 'node_modules/@temporalio/client');
  installPackage(folder, '@temporalio/worker', 'node_modules/@temporalio/worker');
  return folder;
}

function installPackage(folder: string, name: string, target: string): void {
  const home = join(folder, 'node_modules', name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'index.js'), `module.exports = require(${JSON.stringify(join(ROOT, target))});\n`);
}

function run(folder: string, task: object): TypeScriptChild {
  const file = join(folder, 'task.json');
  const given = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...given, ...task }));
  const child = runTypeScriptChild(join(folder, 'run.js'), {
    args: [file],
    env: { TEMPORAL_ADDRESS: process.env['TEST_TEMPORAL_ADDRESS'] ?? '' },
  });
  children.push(child);
  return child;
}

test('the connector on one page waits for its file and succeeds when it is there', async () => {
  const folder = installExample();
  const path = join(folder, 'orders.csv');
  const child = run(folder, { id: `example-${randomUUID()}`, custom: { path } });
  await child.line((line) => line.startsWith('started'));
  writeFileSync(path, 'a,b\n');
  await expect(child.line((line) => line.startsWith('SUCCEEDED'))).resolves.toBe(
    `SUCCEEDED: ${path} has arrived`,
  );
  await expect(child.ended).resolves.toBe(0);
});

test('it is on one page', () => {
  const lines = readFileSync(join(ROOT, 'examples/custom-connector/file-connector.js'), 'utf8').split('\n');
  expect(lines.length).toBeLessThan(120);
});
