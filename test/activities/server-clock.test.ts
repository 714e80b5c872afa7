import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

import { createConnectorActivities } from '../../activities';
import { ConnectorRegistry, DEFAULT_POLICY, LonghaulError, type GetInput } from '../../src/connector';
import { createSecretPort } from '../../src/worker';
import { ScriptedConnector } from '../support/scripted-connector';

const CATEGORY = { name: 'unit', version: 0 };
const META = { version: 1, jobId: 'job-1' };
const HOUR_MS = 3_600_000;

/** What a try that was scheduled so long ago by the server's clock takes for the present; 0 is the worker's own. */
async function clockOf(scheduledAgoMs: number): Promise<number> {
  const { jobs, run } = open(scheduledAgoMs);
  let now = 0;
  jobs.beforeGet = (_meta, call) => {
    now = call.now() - Date.now();
    return Promise.resolve();
  };
  await run();
  return now;
}

function open(scheduledAgoMs: number, more: Partial<GetInput> = {}) {
  const jobs = new ScriptedConnector('unit', 'unit');
  jobs.addForeign('job-1');
  const registry = new ConnectorRegistry().register(jobs);
  const secrets = createSecretPort({ env: {}, allowed: [], operatorSecrets: [] });
  const { get } = createConnectorActivities({ registry, secrets, random: () => 0.5 });
  const input: GetInput = {
    taskCategory: CATEGORY,
    meta: META,
    seen: { phase: 'QUEUED', linkUris: [], meta: META },
    submittedAt: Date.now(),
    policy: DEFAULT_POLICY,
    externalId: 'job-1',
    ...more,
  };
  const run = (heartbeatDetails?: unknown): Promise<unknown> =>
    new MockActivityEnvironment(
      { heartbeatDetails, currentAttemptScheduledTimestampMs: Date.now() - scheduledAgoMs },
      { logger: new DefaultLogger('ERROR') },
    ).run<[GetInput], unknown, typeof get>(get, input);
  return { jobs, run };
}

test('a worker whose clock is behind the moment of scheduling takes that moment for the present', async () => {
  const offsetMs = await clockOf(-HOUR_MS);
  expect(offsetMs).toBeGreaterThan(HOUR_MS - 1_000);
  expect(offsetMs).toBeLessThanOrEqual(HOUR_MS);
});

test.each([0, 50, HOUR_MS])(
  'a try that waited %i ms in its queue begins now, not when it was scheduled',
  async (ms) => {
    expect(Math.abs(await clockOf(ms))).toBeLessThanOrEqual(1);
  },
);

test('trouble first seen after an outage of all workers begins then, and spends nothing of its budget', async () => {
  const policy = { ...DEFAULT_POLICY, onUnreachable: 'fail', unreachableBudgetMs: HOUR_MS / 2 } as const;
  const { jobs, run } = open(HOUR_MS, { policy });
  const began = Date.now();
  jobs.beforeGet = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'no answer'));
  const first: unknown = await run().catch((error: unknown) => error);
  expect(first).toMatchObject({ type: 'NotChanged', details: [{ trouble: { failures: 1 } }] });
  const { since } = (first as { details: [{ trouble: { since: number } }] }).details[0].trouble;
  expect(since).toBeGreaterThanOrEqual(began);
  const trouble = { code: 'UNAVAILABLE', message: 'no answer', since, failures: 1 };
  await expect(run({ trouble })).rejects.toMatchObject({ type: 'NotChanged' });
});
