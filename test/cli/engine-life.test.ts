import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runCli } from './support/cli-process';
import { useEngineBench } from './support/engine-bench';
import { createHeldJob } from './support/engine-home';

const { engine, cli, cliJson, untilNothingRuns } = useEngineBench();

test('two runs at once share one engine, each job runs once, and idle it leaves nothing behind', async () => {
  const jobs = [createHeldJob('first'), createHeldJob('second')] as const;
  const runs = jobs.map((job) => cli('run', job.file));
  await Promise.all(jobs.map((job) => job.running()));
  const { clients, openTasks } = (await cliJson('dev', '--status')).document as Record<string, unknown>;
  expect({ clients, openTasks }).toEqual({ clients: 2, openTasks: 2 });
  for (const job of jobs) job.letGo();
  const ends = await Promise.all(runs.map((run) => run.ended));
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  expect(ends[0]?.stdout).toMatch(
    /^SUCCEEDED in [^]*the job is done[^]*Receipt\n {2}attempt 1: run \d+ .*sent once/m,
  );
  expect(jobs.map((job) => job.starts())).toEqual([1, 1]);
  await untilNothingRuns();
});

test('SIGTERM and SIGINT without a terminal detach with exit code 75, and the task goes on', async () => {
  const job = createHeldJob('held');
  const runs = [cli('run', job.file, '--id', 'held', '-o', 'json'), cli('run', job.file, '--id', 'held')];
  await Promise.all([job.running(), ...runs.map((run) => run.said(/INITIALIZING|RUNNING/))]);
  runs[0]?.process.kill('SIGTERM');
  runs[1]?.process.kill('SIGINT');
  const [json, text] = await Promise.all(runs.map((run) => run.ended));
  expect([json?.code, text?.code]).toEqual([75, 75]);
  expect(JSON.parse(json?.stdout ?? '')).toMatchObject({ detached: true, id: 'held', state: 'OPEN' });
  expect(text?.stdout).toBe('Detached. The task goes on; come back with: longhaul wait held\n');
  const canceled = await cli('cancel', 'held', '--reason', 'enough').ended;
  expect(canceled).toMatchObject({ code: 0 });
  const end = await cli('wait', 'held').ended;
  expect(end).toMatchObject({ code: 24, stdout: expect.stringMatching(/^CANCELED after[^]*enough/m) });
  expect(job.starts()).toBe(1);
});

test('dev serves in the foreground; run joins it, --status tells, --stop ends it', async () => {
  const dev = cli('dev');
  const { pid, temporalAddress } = await engine().info();
  expect(pid).toBe(dev.process.pid);
  const job = createHeldJob('held');
  job.letGo();
  const run = await cli('run', job.file).ended;
  expect(run).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Starting the Longhaul engine') });
  const second = await cli('dev').ended;
  expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining(temporalAddress) });
  expect(await cli('dev', '--status').ended).toMatchObject({
    stdout: expect.stringMatching(/Temporal UI +http:[^]*0 clients, 0 open tasks/),
  });
  expect(await cli('dev', '--stop').ended).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('The engine ends: asked by longhaul.'),
  });
  expect(await dev.ended).toMatchObject({ code: 0, stdout: expect.stringContaining(temporalAddress) });
  expect(await cliJson('dev', '--status')).toEqual({
    code: 0,
    document: { running: false },
  });
  await untilNothingRuns();
});

test('a file of workspaces named by a relative path is the caller’s, for the engine too', async () => {
  const { home, env } = engine();
  const spare = "spare: { host: 'http://127.0.0.1:9', auth: { kind: pat, token: { $secret: 'env:PAT' } } }";
  writeFileSync(join(home, 'ws.yaml'), `workspaces: { ${spare} }`);
  const job = createHeldJob('beside');
  job.letGo();
  const options = { cwd: home, env: { ...env, PAT: 'p', LONGHAUL_WORKSPACES: 'ws.yaml' } };
  const run = await runCli(['run', job.file, '--workspace', 'simulated'], options);
  expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^SUCCEEDED/m) });
});
