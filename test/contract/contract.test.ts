import { readdirSync } from 'node:fs';
import { randomUUID } from 'node:crypto';

import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

import { createConnectorActivities } from '../../activities';
import { ERROR_TABLE, LonghaulError, TASK_PHASES, type AttemptDecision } from '../../src/connector';
import { createSecretPort } from '../../src/worker';
import { failJob, runJob, ScriptedConnector, succeedJob } from '../support/scripted-connector';
import { openRunningBench, untilStatus, type TaskBench } from '../support/task-bench';
import { waitUntil } from '../support/wait-until';
import { faultsOf, GOLDEN, goldenPayloads, SHAPES } from './contract-schema';

let bench: TaskBench;
const jobs = new ScriptedConnector('contract', `contract-${randomUUID()}`);

beforeAll(async () => {
  bench = await openRunningBench({ connectors: [jobs], troubleShownAfterMs: 500 });
});

afterAll(() => bench.close());

beforeEach(() => {
  jobs.reset();
  jobs.onCreate = runJob;
});

test('every shape has golden payloads, and nothing else does', () => {
  expect(readdirSync(GOLDEN).map((file) => file.replace('.json', ''))).toEqual([...SHAPES].sort());
});

test.each(SHAPES)(
  'the golden payloads of %s keep the schema; one with a foreign member does not',
  (shape) => {
    const payloads = goldenPayloads(shape);
    expect(payloads.length).toBeGreaterThan(0);
    for (const payload of payloads) {
      expect(faultsOf(shape, payload)).toEqual([]);
      const spoiled = Array.isArray(payload)
        ? [...payload, { foreign: 1 }]
        : { ...(payload as object), foreign: 1 };
      expect(faultsOf(shape, spoiled)).not.toEqual([]);
    }
  },
);

test('the schema knows the error codes and phases of the code', () => {
  for (const code of Object.keys(ERROR_TABLE)) expect(faultsOf('failureDetails', { code })).toEqual([]);
  for (const phase of TASK_PHASES) {
    expect(faultsOf('snapshot', { phase, seenAt: 1, nextCheckAt: 2 })).toEqual([]);
  }
});

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** What really went over the wire in a task's history: `[shape, payload]`. */
async function capture(id: string): Promise<[string, unknown][]> {
  const { events = [] } = await bench.handle(id).fetchHistory();
  const names = new Map<string, string>();
  return (events ?? []).flatMap((event) => captureEvent(event, names));
}

function captureEvent(event: HistoryEvent, names: Map<string, string>): [string, unknown][] {
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (scheduled) {
    const name = scheduled.activityType?.name ?? '';
    names.set(String(event.eventId), name);
    return name in ACTIVITIES ? decode(`${name}Input`, scheduled.input?.payloads) : [];
  }
  const completed = event.activityTaskCompletedEventAttributes;
  const name = names.get(String(completed?.scheduledEventId)) ?? '';
  if (completed && name in ACTIVITIES) return decode(`${name}Result`, completed.result?.payloads);
  const failure = event.activityTaskFailedEventAttributes?.failure;
  return failure ? decode('failureDetails', failure.applicationFailureInfo?.details?.payloads) : [];
}

function decode(shape: string, payloads: Payload[] | null | undefined): [string, unknown][] {
  return (payloads ?? []).map((payload) => [shape, defaultPayloadConverter.fromPayload(payload)]);
}

const ACTIVITIES = { prepare: 1, create: 1, get: 1, execute: 1, delete: 1, repair: 1 };

async function expectKept(id: string): Promise<Set<string>> {
  const captured = await capture(id);
  for (const [shape, payload] of captured) expect([shape, faultsOf(shape, payload)]).toEqual([shape, []]);
  return new Set(captured.map(([shape]) => shape));
}

async function begin(policy = {}): Promise<string> {
  const { id } = await bench.tasks.start(bench.request('contract', { a: 1 }, policy));
  return id;
}

test('what TypeScript sends for create, get, execute and repair keeps the contract', async () => {
  const decision: AttemptDecision = { action: 'repair', reason: 'one task of many' };
  jobs.onGet = (job) => (job.next = { kind: 'execute' });
  jobs.onExecute = async (job) => {
    failJob(job, 'one failed', { decision });
  };
  jobs.onRepair = succeedJob;
  const id = await begin();
  await bench.tasks.wait(id);
  const activities = ['create', 'execute', 'get', 'repair'];
  expect(await expectKept(id)).toEqual(
    new Set(activities.flatMap((name) => [`${name}Input`, `${name}Result`])),
  );
});

test('what TypeScript sends for delete, trouble and a deadline keeps the contract', async () => {
  const id = await begin({ executionTimeout: '10m' });
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  jobs.beforeGet = () => Promise.reject(new LonghaulError('UNAVAILABLE', 'refused'));
  await waitUntil('trouble to be recorded', async () =>
    (await capture(id)).some(([shape]) => shape === 'getResult') ? true : undefined,
  );
  jobs.beforeGet = () => Promise.resolve();
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
  expect(await expectKept(id)).toEqual(
    new Set(['createInput', 'createResult', 'getInput', 'getResult', 'deleteInput', 'deleteResult']),
  );
});

test('what TypeScript sends with credentials of the task keeps the contract', async () => {
  const id = randomUUID();
  const connection = { secrets: { token: 'sealed:k1:x' }, sealedFor: id, digest: 'd', sealedAt: 1 };
  await bench.tasks.ensure({ ...bench.request('contract', {}), id, connection });
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
  const inputs = (await capture(id)).filter(([shape]) => shape.endsWith('Input'));
  for (const [, input] of inputs) expect(input).toMatchObject({ connection });
  expect(await expectKept(id)).toContain('deleteInput');
});

test('what TypeScript sends for a task that is looked up first keeps the contract', async () => {
  jobs.onPrepare = async () => ({ jobId: '9007199254740993' });
  jobs.onCreate = succeedJob;
  const { id } = await bench.tasks.start(bench.request('contract', { name: 'nightly' }));
  await bench.tasks.wait(id);
  const captured = await capture(id);
  expect(captured.find(([shape]) => shape === 'createInput')?.[1]).toMatchObject({
    request: { prepared: { jobId: '9007199254740993' } },
  });
  expect(await expectKept(id)).toEqual(
    new Set(['prepareInput', 'prepareResult', 'createInput', 'createResult']),
  );
});

test('a refusal keeps the contract', async () => {
  jobs.beforeCreate = () => Promise.reject(new LonghaulError('PERMISSION_DENIED', 'no', { advice: 'Ask.' }));
  const id = await begin();
  await bench.tasks.wait(id);
  jobs.beforeCreate = () => Promise.resolve();
  expect(await expectKept(id)).toEqual(new Set(['createInput', 'failureDetails']));
});

test('the snapshot of a waiting poll keeps the contract', async () => {
  const id = await begin();
  await untilStatus(bench, id, (status) => status.nextCheckAt !== undefined);
  const { raw } = await bench.handle(id).describe();
  const failure = raw.pendingActivities?.[0]?.lastFailure?.applicationFailureInfo;
  const snapshots = decode('snapshot', failure?.details?.payloads);
  expect(snapshots).toHaveLength(1);
  expect(snapshots.flatMap(([shape, payload]) => faultsOf(shape, payload))).toEqual([]);
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
});

test('what logs give keeps the contract', async () => {
  const id = await begin();
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
  expect(faultsOf('getLogsResult', await bench.tasks.logs(id, { limit: 2 }))).toEqual([]);
  await bench.tasks.cancel(id);
  await bench.tasks.wait(id);
});

test('the activities of the contract are those that the worker serves', () => {
  const secrets = createSecretPort({ env: {}, allowed: [], operatorSecrets: [] });
  const served = Object.keys(createConnectorActivities({ registry: bench.registry, secrets }));
  const shaped = SHAPES.filter((shape) => shape.endsWith('Input')).map((shape) =>
    shape.replace(/Input$/, ''),
  );
  expect(served.sort()).toEqual(shaped.sort());
});
