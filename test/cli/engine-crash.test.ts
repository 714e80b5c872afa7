import { waitUntil } from '../support/wait-until';
import { useEngineBench } from './support/engine-bench';
import { createHeldJob } from './support/engine-home';

const { engine, cli, cliJson, untilNothingRuns } = useEngineBench();

test('a killed run leaves its task alone: get tells, wait follows it to its end', async () => {
  const job = createHeldJob('held');
  const run = cli('run', job.file, '--id', 'held');
  await job.running();
  run.process.kill('SIGKILL');
  await run.ended;
  const status = await cliJson('get', 'held');
  expect(status.document).toMatchObject({ id: 'held', state: 'OPEN', attempt: 1 });
  const wait = cli('wait', 'held');
  await wait.said(/(INITIALIZING|RUNNING)/);
  job.letGo();
  expect((await wait.ended).code).toBe(0);
  expect(job.starts()).toBe(1);
});

test('a killed engine is started again by the run that follows, and the task ends well', async () => {
  const job = createHeldJob('held');
  const run = cli('run', job.file, '--id', 'held');
  await job.running();
  const { pid } = await engine().info();
  process.kill(pid, 'SIGKILL');
  await run.said(/out of reach[^]*Connected again/);
  expect((await engine().info()).pid).not.toBe(pid);
  job.letGo();
  const end = await run.ended;
  expect({ code: end.code, stderr: end.stderr }).toMatchObject({ code: 0 });
  expect(end.stdout).toMatch(/attempt 1: run \d+ SUCCEEDED, .*sent once/);
  await untilNothingRuns();
});

test('without a follower a killed engine resumes its tasks as soon as somebody asks', async () => {
  const job = createHeldJob('held');
  expect((await cli('submit', job.file, '--id', 'held').ended).code).toBe(0);
  await job.running();
  process.kill((await engine().info()).pid, 'SIGKILL');
  await waitUntil(
    'the server to be gone',
    () =>
      engine()
        .processes()
        .every((line) => !line.includes('temporal.db')) || undefined,
  );
  expect((await cliJson('get', 'held')).document).toMatchObject({ state: 'OPEN' });
  job.letGo();
  expect((await cli('wait', 'held').ended).code).toBe(0);
});

test('a killed Temporal server is started again under a run that follows', async () => {
  const job = createHeldJob('held');
  const run = cli('run', job.file);
  await job.running();
  const { pid } = await engine().info();
  const server = engine().serverPid() ?? 0;
  process.kill(server, 'SIGKILL');
  await waitUntil('another server', () => {
    const pid = engine().serverPid();
    return pid === undefined || pid === server ? undefined : pid;
  });
  job.letGo();
  expect(await run.ended).toMatchObject({ code: 0 });
  expect((await engine().info()).pid).toBe(pid);
  expect(job.starts()).toBe(1);
});
