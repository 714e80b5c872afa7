import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';

import { ScriptedConnector } from '../support/scripted-connector';
import { installQuietRuntime, openTaskBench, untilStatus, type TaskBench } from '../support/task-bench';
import { startPythonWorker } from './python-worker';

/** The same activities with the same JSON, served by Python and driven by the unchanged workflow. */
let bench: TaskBench;
let python: ChildProcess;

beforeAll(async () => {
  installQuietRuntime();
  bench = await openTaskBench({ connectors: [] });
  await bench.startWorkers();
  const queue = `python-${randomUUID()}`;
  bench.registry.register(new ScriptedConnector('python', queue));
  python = await startPythonWorker(process.env['TEST_TEMPORAL_ADDRESS'] ?? '', queue);
}, 180_000);

afterAll(async () => {
  python.kill('SIGKILL');
  await bench.close();
});

async function begin(custom: Record<string, boolean>): Promise<string> {
  const { id } = await bench.tasks.start(bench.request('python', custom));
  return id;
}

test('a job served by Python succeeds', async () => {
  const { status, result } = await bench.tasks.wait(await begin({ succeeds: true }));
  expect(status).toMatchObject({ state: 'COMPLETED', phase: 'SUCCEEDED', message: 'served by Python' });
  expect(result?.receipt.attempts).toMatchObject([{ posts: 1, phase: 'SUCCEEDED' }]);
});

test('a waiting poll of Python is read by describe, and a cancel stops its job', async () => {
  const id = await begin({});
  const status = await untilStatus(
    bench,
    id,
    ({ phase, nextCheckAt }) => phase === 'RUNNING' && nextCheckAt !== undefined,
  );
  expect(status.message).toBe('served by Python');
  await bench.tasks.cancel(id, { by: 'ana' });
  const end = await bench.tasks.wait(id);
  expect(end.status).toMatchObject({ state: 'CANCELED', code: 'CANCELED' });
  expect(end.status.receipt?.cancel?.outcome).toContain('ABORTED');
});

test('a job that Python says is gone ends RUN_GONE, with nothing to stop', async () => {
  const { status } = await bench.tasks.wait(await begin({ vanishes: true }));
  expect(status).toMatchObject({ state: 'FAILED', code: 'RUN_GONE', message: 'the job is gone' });
});
