import { randomUUID } from 'node:crypto';

import { DefaultLogger, Runtime } from '@temporalio/worker';

import { LonghaulError } from '../../src/connector';
import { findFreePort } from '../../src/temporal/ports';
import { runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openTaskBench } from '../support/task-bench';

test('every call of a connector is counted by task type, activity and outcome', async () => {
  const bindAddress = `127.0.0.1:${await findFreePort('127.0.0.1')}`;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { metrics: { prometheus: { bindAddress } } },
  });
  const jobs = new ScriptedConnector('counted', `counted-${randomUUID()}`);
  jobs.onCreate = runJob;
  let away = true;
  jobs.beforeGet = () => {
    if (!away) return Promise.resolve();
    away = false;
    return Promise.reject(new LonghaulError('UNAVAILABLE', 'connection refused'));
  };
  jobs.onGet = succeedJob;
  const bench = await openTaskBench({ connectors: [jobs] });
  await bench.startWorkers();
  const { id } = await bench.tasks.start(bench.request('counted', {}));
  await bench.tasks.wait(id);

  const text = await (await fetch(`http://${bindAddress}/metrics`)).text();
  const calls = text.split('\n').filter((line) => line.startsWith('longhaul_connector_calls'));
  const counted = (activity: string, outcome: string): boolean =>
    calls.some((line) => line.includes(`activity="${activity}"`) && line.includes(`outcome="${outcome}"`));
  expect(counted('create', 'ok')).toBe(true);
  expect(counted('get', 'UNAVAILABLE')).toBe(true);
  expect(counted('get', 'ok')).toBe(true);
  expect(text).toContain('longhaul_connector_call_duration');
  await bench.close();
});
