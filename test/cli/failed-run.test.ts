import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { waitUntil } from '../support/wait-until';
import { buildDist, killCliProcesses, runCli, runCliJson, type CliEnd } from './support/cli-process';
import { createEngineHome, type EngineHome } from './support/engine-home';
import { connectWorkspace, type AskWorkspace } from './support/engine-workspace';

/** What a user sees of one failed run, from its advice over `explain` and `repair` to the report, as shipped. */
let engine: EngineHome;
let workspace: AskWorkspace;
const folder = mkdtempSync(join(tmpdir(), 'lh-failed-'));

const TWO_TASKS = {
  type: 'databricks',
  spec: {
    tasks: [
      { task_key: 'load', notebook_task: { notebook_path: '/load' } },
      { task_key: 'sum', notebook_task: { notebook_path: '/sum' }, depends_on: [{ task_key: 'load' }] },
    ],
  },
};

const cli = (...args: string[]): Promise<CliEnd> => runCli(args, { env: engine.env });
const json = (...args: string[]): ReturnType<typeof runCliJson> => runCliJson(args, { env: engine.env });

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

let failed: CliEnd;

beforeAll(async () => {
  await buildDist();
  engine = createEngineHome(60);
  const file = write('two.json', JSON.stringify(TWO_TASKS));
  expect((await cli('submit', file, '--id', 'first')).code).toBe(0);
  workspace = await connectWorkspace(engine);
  const outcome = { result: 'FAILED', terminationCode: 'RUN_EXECUTION_ERROR', error: 'KeyError: day' };
  await workspace('/simulator/outcomes', { match: { taskKey: 'sum', attempt: 0 }, outcome });
  failed = await cli('run', file, '--id', 'nightly');
}, 300_000);

afterAll(async () => {
  killCliProcesses();
  await engine.close();
});

test('a failed run says what failed first, whose fault it is, and how it goes on', () => {
  expect(failed.code).not.toBe(0);
  expect(failed.stderr).toContain('sum');
  expect(failed.stderr).toContain('KeyError: day');
  expect(failed.stdout).toContain('longhaul repair nightly');
});

test('explain tells of a task what was decided and why, and of a policy what it would decide', async () => {
  const told = await cli('explain', 'nightly');
  expect(told.code).toBe(0);
  expect(told.stdout).toMatch(/reason +RUN_EXECUTION_ERROR does not go away by itself/);
  expect(told.stdout).toMatch(/fault +user/);
  expect(told.stdout).toMatch(/action +fail/);
  expect(told.stdout).toMatch(/what failed +Task sum failed: KeyError: day/);
  expect(told.stdout).toContain('longhaul repair nightly');
  const onFailure = { RUN_EXECUTION_ERROR: 'repair' };
  const policy = write('policy.json', JSON.stringify({ ...TWO_TASKS, policy: { onFailure } }));
  expect(await json('explain', 'nightly', '--policy', policy)).toMatchObject({
    code: 0,
    document: { explained: [{ action: 'repair' }] },
  });
});

test('the outputs of a failed run say what gave none', async () => {
  expect((await cli('outputs', 'nightly')).stderr).toContain('Tasks without an output: 1 failed.');
});

test('a recorded run is explained from its file, a near name is named, a missing file is no task', async () => {
  const recorded = write(
    'run.json',
    await workspace(`/api/2.2/jobs/runs/get?run_id=${await runIdOf('nightly')}`),
  );
  expect((await cli('explain', recorded)).stdout).toMatch(/fault +user/);
  expect(await json('explain', 'CLOUD_FALURE')).toMatchObject({
    code: 10,
    document: { error: { code: 'NOT_FOUND', advice: expect.stringContaining('CLOUD_FAILURE') } },
  });
  expect(await json('explain', './nowhere.json')).toMatchObject({
    code: 10,
    document: { error: { code: 'NOT_FOUND', message: expect.stringContaining('nowhere.json') } },
  });
});

test('a parameter without a name is refused before anything runs again', async () => {
  expect(await json('repair', 'nightly', '--param', 'day')).toMatchObject({
    code: 2,
    document: { error: { code: 'INVALID_TASK' } },
  });
});

test('repair opens the task again under its id and runs what failed; its report says what was healed', async () => {
  expect(await json('repair', 'nightly', '--param', 'day=2026-11-21')).toMatchObject({
    code: 0,
    document: { id: 'nightly', reopened: true, externalId: await runIdOf('nightly') },
  });
  expect(await json('wait', 'nightly')).toMatchObject({
    code: 0,
    document: { state: 'COMPLETED', phase: 'SUCCEEDED' },
  });
  const { tasks } = JSON.parse(
    await workspace(`/api/2.2/jobs/runs/get?run_id=${await runIdOf('nightly')}`),
  ) as { tasks: { task_key: string }[] };
  expect(tasks.map(({ task_key }) => task_key).toSorted()).toEqual(['load', 'sum', 'sum']);
  expect((await cli('report', 'nightly')).stdout).toMatch(
    /Why it had failed before its repair\n.*KeyError: day/,
  );
  expect(await json('repair', 'nightly')).toMatchObject({ document: { error: { code: 'ALREADY_ENDED' } } });
  expect(await cli('explain', 'nightly')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Task nightly succeeded') as string,
  });
});

test('a task in its repair window shows its cause, then the command it waits for, wherever it is shown', async () => {
  const policy = { repairWindow: '1h' };
  const file = write('window.json', JSON.stringify({ ...TWO_TASKS, policy }));
  expect((await cli('submit', file, '--id', 'open')).code).toBe(0);
  await waitUntil('the repair window', async () =>
    (await cli('get', 'open')).stdout.includes('JOB_FAILED') ? true : undefined,
  );
  for (const shown of [await cli('get', 'open'), await cli('list', '--open'), await cli('report', 'open')]) {
    expect(shown.stdout).toMatch(
      /KeyError: day[^]*longhaul repair open|longhaul repair open[^]*KeyError: day/,
    );
    expect(shown.stdout).not.toContain('waiting for a repair until');
  }
  expect((await cli('explain', 'open')).stdout).toMatch(/what failed +Task sum failed: KeyError: day/);
}, 60_000);

async function runIdOf(id: string): Promise<string> {
  const { document } = await json('get', id);
  return (document as { externalId: string }).externalId;
}
