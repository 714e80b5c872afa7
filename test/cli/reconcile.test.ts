import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';

import { waitUntil } from '../support/wait-until';
import { buildDist, killCliProcesses, runCli, runCliJson } from './support/cli-process';
import { createEngineHome, type EngineHome } from './support/engine-home';
import { connectWorkspace, type AskWorkspace } from './support/engine-workspace';

/** The commands adopt and reconcile, as they are shipped, on an engine. */
let engine: EngineHome;
let workspace: AskWorkspace;

beforeAll(async () => {
  await buildDist();
  engine = createEngineHome(30);
  await runCli(['reconcile'], { env: engine.env });
}, 300_000);

afterAll(async () => {
  killCliProcesses();
  await engine.close();
});

async function startRun(): Promise<string> {
  const body = { run_name: 'long', tasks: [{ task_key: 'main', notebook_task: { notebook_path: '/main' } }] };
  const answer = await workspace('/api/2.2/jobs/runs/submit', body);
  return /\d{10,19}/.exec(answer)?.[0] ?? '';
}

const json = (...args: string[]): ReturnType<typeof runCliJson> => runCliJson(args, { env: engine.env });

async function terminate(id: string): Promise<void> {
  const connection = await Connection.connect({ address: (await engine.info()).temporalAddress });
  try {
    const client = new Client({ connection });
    await client.workflow.getHandle(id).terminate('by the test');
    const query = `ExecutionStatus = 'Terminated' AND WorkflowId = '${id}'`;
    await waitUntil('the list to show it', async () => {
      const { count } = await client.workflow.count(query);
      return count > 0 ? true : undefined;
    });
  } finally {
    await connection.close();
  }
}

test('without any engine there is nothing to reconcile, and none is started', async () => {
  const { code, document } = await json('reconcile');
  expect({ code, document }).toMatchObject({ code: 10, document: { error: { code: 'NOT_FOUND' } } });
});

test('a run id that is none is refused before an engine is started', async () => {
  const { code, document } = await json('adopt', '12x');
  expect({ code, document }).toMatchObject({ code: 2, document: { error: { code: 'INVALID_TASK' } } });
  expect(engine.serverPid()).toBeUndefined();
});

test('adopt follows a run; what is left of it when its task is terminated is found and stopped', async () => {
  expect((await json('adopt', '4711')).code).toBe(20);
  workspace = await connectWorkspace(engine);
  await workspace('/simulator/outcomes', { match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
  const runId = await startRun();
  const id = `adopted-simulated-${runId}`;
  expect(await json('adopt', runId, '--no-wait')).toMatchObject({
    code: 0,
    document: { id, attached: false },
  });
  expect(await json('adopt', runId, '--no-wait')).toMatchObject({
    code: 0,
    document: { id, attached: true },
  });
  expect(await json('reconcile')).toMatchObject({ code: 0, document: { found: 0 } });

  await waitUntil('the run to have begun', async () => {
    const run = await workspace(`/api/2.2/jobs/runs/get?run_id=${runId}`);
    return run.includes('"life_cycle_state":"RUNNING"') ? true : undefined;
  });
  await terminate(id);
  const shown = await runCli(['reconcile', '--since', '1h'], { env: engine.env });
  expect(shown.code).toBe(14);
  expect(shown.stdout).toMatch(
    new RegExp(`TASK +RUN +STATE +SINCE +DONE\\n${id} +${runId} +RUNNING .* terminated`),
  );
  expect(shown.stdout).toContain('1 left over, 1 to be done');

  expect(await json('reconcile', '--action', 'cancel')).toMatchObject({
    code: 0,
    document: { found: 1, handled: 1, findings: [{ taskId: id, done: 'canceling' }] },
  });
  expect((await json('wait', id)).document).toMatchObject({ state: 'CANCELED' });
  expect(await json('reconcile')).toMatchObject({ code: 0, document: { found: 0 } });
}, 180_000);

test('of a terminated task every command names reconcile first; --again waits until its run is stopped', async () => {
  const task = { type: 'databricks', spec: { run_name: 'long', notebook_task: { notebook_path: '/main' } } };
  const file = join(mkdtempSync(join(tmpdir(), 'lh-left-')), 'long.json');
  writeFileSync(file, JSON.stringify({ ...task, workspace: 'simulated' }));
  const submit = ['submit', file, '--id', 'left'] as const;
  expect((await json(...submit)).code).toBe(0);
  await waitUntil('the run to have begun', async () => {
    const { document } = await json('get', 'left');
    return JSON.stringify(document).includes('"phase":"RUNNING"') ? true : undefined;
  });
  await terminate('left');
  for (const command of ['get', 'wait', 'cancel', 'nudge', 'repair', 'report']) {
    const { stdout, stderr } = await runCli([command, 'left'], { env: engine.env });
    expect(`${command}: ${stdout}${stderr}`).toMatch(
      /its job \d+ may still run: .*reconcile --action cancel/,
    );
  }
  const { stdout: report } = await runCli(['report', 'left'], { env: engine.env });
  expect(report).toMatch(/Why it failed\n +1\. The workflow was terminated from outside/);
  expect(await json(...submit, '--again')).toMatchObject({
    code: 13,
    document: { error: { code: 'JOB_ACTIVE' } },
  });

  expect((await json('reconcile', '--action', 'cancel')).code).toBe(0);
  expect((await json('wait', 'left')).document).toMatchObject({ state: 'CANCELED' });
  expect(await json(...submit, '--again')).toMatchObject({ code: 0, document: { attached: false } });
  await json('cancel', 'left');
  expect((await json('wait', 'left')).document).toMatchObject({ state: 'CANCELED' });
}, 180_000);

test('the schedule is set and removed', async () => {
  const name = 'longhaul-reconcile';
  expect(await json('reconcile', '--schedule', '1h')).toMatchObject({
    code: 0,
    document: { schedule: name },
  });
  expect(await json('reconcile', '--unschedule')).toMatchObject({ code: 0, document: { removed: true } });
  expect(await json('reconcile', '--unschedule')).toMatchObject({ code: 0, document: { removed: false } });
});

test('a duration that is none is a mistake of the command line', async () => {
  expect((await runCli(['reconcile', '--since', 'soon'], { env: engine.env })).code).toBe(2);
});
