import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createPythonStandIn } from '../support/python-stand-in';
import { waitUntil } from '../support/wait-until';
import {
  buildDist,
  killCliProcesses,
  runCli,
  runCliJson,
  startCli,
  type CliEnd,
} from './support/cli-process';
import { createEngineHome, type EngineHome } from './support/engine-home';

/** The command line around the Airflow worker, which a stand-in plays: no network, no Airflow. */
let folder: string;
let engine: EngineHome;
let env: Record<string, string>;
let task: string;

beforeAll(buildDist, 240_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lh-cli-airflow-'));
  engine = createEngineHome(30);
  env = { ...engine.env, ...createPythonStandIn(folder) };
  task = join(folder, 'task.yaml');
  writeFileSync(task, 'type: airflow\nspec:\n  operator: my_company.operators.Nightly\n');
});
afterEach(async () => {
  killCliProcesses();
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<CliEnd> => runCli(args, { env });

function variables(): Map<string, string> {
  const lines = readFileSync(join(folder, 'variables'), 'utf8').split('\n');
  return new Map(lines.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]));
}

test('dev --airflow makes the environment, says so, and gives the worker all it needs', async () => {
  const dev = startCli(['dev', '--airflow'], { env });
  const info = await engine.info();
  await waitUntil('the addresses', () => (dev.stdout().includes('Ctrl-C') ? true : undefined));
  expect(dev.stderr()).toMatch(/Making the Python environment for Airflow 3 \(once, about a minute\)/);
  expect(dev.stdout()).toMatch(/^Airflow +3, shell-like operators are on$/m);
  expect(readFileSync(join(folder, 'workers'), 'utf8')).toBe(
    '-m longhaul_airflow worker --with-parent --airflow 3 --allow-shell-operators\n',
  );
  const given = variables();
  expect(given.get('TEMPORAL_ADDRESS')).toBe(info.temporalAddress);
  expect(given.get('LONGHAUL_SECRETS_ALLOW')).toBe('env:LONGHAUL_SECRET_*');
  expect(given.get('LONGHAUL_HOME')).toBe(engine.home);
  expect(existsSync(given.get('LONGHAUL_SEALING_KEYS_FILE') ?? '')).toBe(true);
  const databricks: unknown = JSON.parse(given.get('AIRFLOW_CONN_DATABRICKS_DEFAULT') ?? '');
  const { hostname, port } = new URL(info.workspaceUrl ?? '');
  expect(databricks).toMatchObject({ host: hostname, port: Number(port), schema: 'http' });
  expect(await run('dev', '--stop')).toMatchObject({ code: 0 });
  expect(await dev.ended).toMatchObject({ code: 0 });
  expect(engine.processes()).toEqual([]);
});

test('a worker that ends unasked is started again; one with the engine killed ends too', async () => {
  const dev = startCli(['dev', '--airflow', '3'], { env });
  await engine.info();
  const workers = (): string[] => engine.processes().filter((line) => line.includes('longhaul_airflow'));
  const [first = ''] = workers();
  expect(first).not.toBe('');
  const started = (): number => readFileSync(join(folder, 'workers'), 'utf8').trim().split('\n').length;
  killWorker(folder);
  await waitUntil('a second worker', () => (started() === 2 ? true : undefined));
  expect(dev.stderr()).toMatch(/The Airflow worker ended .*; it is started again\./);
  dev.process.kill('SIGKILL');
  await waitUntil('nothing to run', () => (engine.processes().length === 0 ? true : undefined));
});

function killWorker(where: string): void {
  process.kill(Number(readFileSync(join(where, 'pid'), 'utf8')), 'SIGKILL');
}

test('without an Airflow worker a task is taken, and whoever started it is told what to do', async () => {
  const { stderr, code } = await run('submit', task, '--id', 'nightly');
  expect(code).toBe(0);
  expect(stderr).toContain(
    'No worker serves airflow3:control here, so the task waits; start one with: longhaul dev --stop && longhaul dev --airflow 3',
  );
  expect(await run('cancel', 'nightly')).toMatchObject({ code: 0 });
});

test('worker --airflow serves that major only, and ends in order at SIGTERM', async () => {
  const worker = startCli(['worker', '--airflow', '3'], { env: { ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  await waitUntil('the worker to serve', () => (worker.stdout().includes('serves') ? true : undefined));
  expect(worker.stdout()).toBe('The worker serves airflow3\n');
  expect(variables().get('TEMPORAL_ADDRESS')).toBe('127.0.0.1:1');
  expect(readFileSync(join(folder, 'workers'), 'utf8')).not.toContain('--allow-shell-operators');
  worker.process.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('has stopped') });
});

test('worker --airflow ends with an error when the worker ends unasked', async () => {
  const worker = startCli(['worker', '--airflow', '3'], { env });
  await waitUntil('the worker to serve', () => (worker.stdout().includes('serves') ? true : undefined));
  killWorker(folder);
  expect(await worker.ended).toMatchObject({
    code: 41,
    stderr: expect.stringContaining('UNAVAILABLE: The Airflow worker ended unasked (SIGKILL).'),
  });
});

test('doctor tells of Airflow where somebody asked for it, and only there', async () => {
  const findings = async (more: Record<string, string>): Promise<unknown> =>
    (await runCliJson(['doctor'], { env: { ...env, ...more } })).document;
  expect(JSON.stringify(await findings({}))).not.toContain('Airflow');
  expect(await findings({ LONGHAUL_AIRFLOW: '3' })).toContainEqual({
    check: 'Airflow 3',
    ok: true,
    says: 'its environment is made at the first start here; whether a worker runs cannot be seen without Temporal',
  });
  expect(await findings({ LONGHAUL_AIRFLOW: '3', LONGHAUL_AIRFLOW_PYTHON: '/nowhere' })).toContainEqual(
    expect.objectContaining({
      check: 'Airflow 3',
      ok: false,
      mend: expect.stringContaining('LONGHAUL_AIRFLOW_PYTHON'),
    }),
  );
});

test.each<[string[], number, RegExp]>([
  [['worker', '--airflow', '4'], 2, /Allowed choices are 2, 3/],
  [['worker', '--airflow', '3', '--metrics-port', '1'], 2, /cannot be used with/],
  [['worker', '--allow-shell-operators'], 6, /--allow-shell-operators goes with --airflow only/],
  [['dev', '--airflow', '--stop'], 2, /cannot be used with/],
])('%j is refused in words', async (args, code, words) => {
  expect(await run(...args)).toMatchObject({ code, stderr: expect.stringMatching(words) });
});

test('connectors lists it, completion knows its majors', async () => {
  expect(await run('connectors')).toMatchObject({
    stdout: expect.stringMatching(/^Airflow Connector +airflow v0 +logs +token$/m),
  });
  const { stdout } = await run('completion', 'bash');
  expect(stdout).toMatch(/dev\)\n.*--airflow[^]*?--airflow\) words="2 3"/);
});
