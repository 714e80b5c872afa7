import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { commandLineOf } from '../../src/temporal/process-alive';
import { superviseServer } from '../../src/temporal/engine/supervised-server';
import { startAirflowProcess, type AirflowProcess } from '../../src/worker';
import { runTypeScriptChild } from '../support/run-typescript-child';
import { waitUntil } from '../support/wait-until';

let folder: string;
let lines: string[];
const started: AirflowProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lh-airflow-process-'));
  lines = [];
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** Stands for the Python of the environment: it writes down how it was called, then does as it is told. */
function standIn(body: string): { readonly python: string } {
  const python = join(folder, 'python');
  writeFileSync(
    python,
    `#!/usr/bin/env python3
import os, signal, sys, time
open("${folder}/called", "a").write(" ".join(sys.argv[1:]) + "\\n")
${body}
`,
  );
  chmodSync(python, 0o755);
  return { python };
}

/** Serves until its parent goes, as the real one does with --with-parent. */
const SERVE = `
print("starting", file=sys.stderr, flush=True)
print("The worker serves airflow3", flush=True)
sys.stdin.read()
open("\${FOLDER}/orderly", "w").write("yes")
`;
const serve = (): string => SERVE.replace('${FOLDER}', folder);

async function start(body: string, stopLimitMs = 10_000): Promise<AirflowProcess> {
  const each = await startAirflowProcess({
    environment: standIn(body),
    env: { ...process.env, TEMPORAL_ADDRESS: '127.0.0.1:1' },
    args: ['--allow-shell-operators'],
    onLine: (line) => lines.push(line),
    stopLimitMs,
  });
  started.push(each);
  return each;
}

test('it is waited for until it serves; what it says is handed on', async () => {
  const worker = await start(serve());
  expect(worker.ready).toBe('The worker serves airflow3');
  await waitUntil('both lines', () => (lines.length === 2 ? true : undefined));
  expect(lines).toEqual(expect.arrayContaining(['starting', worker.ready]));
  expect(readFileSync(join(folder, 'called'), 'utf8')).toBe(
    '-m longhaul_airflow worker --with-parent --allow-shell-operators\n',
  );
});

test('it gets the package and the variables it is given, and nothing by the way', async () => {
  await start(`
open("${folder}/path", "w").write(os.environ["PYTHONPATH"] + " " + os.environ["TEMPORAL_ADDRESS"])
${serve()}`);
  const [path = '', address] = readFileSync(join(folder, 'path'), 'utf8').split(' ');
  expect(existsSync(join(path, 'longhaul_airflow/__main__.py'))).toBe(true);
  expect(address).toBe('127.0.0.1:1');
});

test('it is ended in order: its standard input closes and it may finish', async () => {
  const worker = await start(serve());
  await worker.stop();
  expect(existsSync(join(folder, 'orderly'))).toBe(true);
  expect(await worker.ended).toEqual({ code: 0, signal: null });
});

test('one that does not listen is killed when its time is up', async () => {
  const worker = await start('print("The worker serves nobody", flush=True)\ntime.sleep(600)', 200);
  await worker.stop();
  expect(await worker.ended).toEqual({ code: null, signal: 'SIGKILL' });
});

test('one that does not come up is an error with its last words', async () => {
  await expect(
    start('print("CONFIG: no such queue", file=sys.stderr, flush=True)\nsys.exit(6)'),
  ).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'The Airflow worker did not start: it ended (code 6).\nCONFIG: no such queue',
  });
});

test('a Python that is not there is an error too', async () => {
  const environment = { python: join(folder, 'missing') };
  const starting = startAirflowProcess({ environment, env: {}, onLine: () => undefined, stopLimitMs: 100 });
  await expect(starting).rejects.toMatchObject({ message: expect.stringContaining('it cannot be run') });
});

test('it ends with us, even when we are killed', async () => {
  const { python } = standIn(`open("${folder}/pid", "w").write(str(os.getpid()))\n${serve()}`);
  const parent = runTypeScriptChild(join(__dirname, 'children/airflow-parent.ts'), { args: [python] });
  await parent.line((line) => line.startsWith('The worker serves'));
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
  expect(commandLineOf(pid)).toBeDefined();
  parent.kill('SIGKILL');
  await waitUntil('the worker to end', () => (commandLineOf(pid) === undefined ? true : undefined));
  expect(existsSync(join(folder, 'orderly'))).toBe(true);
});

test('under supervision one that ends unasked is started again, until it is told to stop', async () => {
  const reports: string[] = [];
  const environment = standIn(`
calls = len(open("${folder}/called").readlines())
print("The worker serves airflow3", flush=True)
if calls == 1: sys.exit(70)
sys.stdin.read()`);
  const supervised = superviseServer({
    what: 'The Airflow worker',
    report: (message) => reports.push(message),
    start: (signal) =>
      startAirflowProcess({
        environment,
        env: process.env,
        onLine: () => undefined,
        stopLimitMs: 5_000,
        signal,
      }),
  });
  await supervised.ready;
  await waitUntil('a second start', () =>
    readFileSync(join(folder, 'called'), 'utf8').split('\n').length === 3 ? true : undefined,
  );
  await supervised.stop();
  expect(reports).toEqual(['The Airflow worker ended (code 70); it is started again.']);
});
