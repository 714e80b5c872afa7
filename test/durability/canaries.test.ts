import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { JsonObject } from '../../src/connector';
import type { WorkspaceAuth } from '../../src/connectors/databricks';
import { startDevServer, type DevServer } from '../../src/temporal/dev-server';
import type { TypeScriptChild } from '../support/run-typescript-child';
import { installQuietRuntime, untilStatus } from '../support/task-bench';
import { durableServerOptions, temporaryHome } from '../temporal/support';
import { findSecrets, readFolder, toText, type Place } from './support/secret-scan';
import { openWorkspaceBench, strike, untilRequests, type WorkspaceBench } from './support/workspace-bench';

const LIMIT_MS = 60_000;

const SECRETS = {
  pat: `dapi${canary()}`,
  clientSecret: canary(),
  parameter: canary(),
  variable: `${canary()} "quoted" +/= ${canary()}`,
};
const SECRETS_IN_ENV = {
  LONGHAUL_SECRET_PARAMETER: SECRETS.parameter,
  LONGHAUL_SECRET_VARIABLE: SECRETS.variable,
};

function canary(): string {
  return randomBytes(24).toString('hex');
}

/** Shows all it was given: on its output, in its error, and where long texts are cut. */
const TATTLER = `
import os, sys
secret, variable, mode = sys.argv[1], os.environ["LEAK"], sys.argv[2]
print("parameter", secret, "variable", variable)
print("x" * 8180 + secret)
if mode == "fail":
    raise ValueError("no access with " + secret + " and " + variable)
if mode == "cut":
    raise ValueError("y" * 260 + secret + "z" * 1462 + variable)
`;

let home: string;
let server: DevServer;
let bench: WorkspaceBench;
let worker: TypeScriptChild;
const script = join(mkdtempSync(join(tmpdir(), 'lh-canary-')), 'tattler.py');

beforeAll(async () => {
  installQuietRuntime();
  writeFileSync(script, TATTLER);
  home = temporaryHome();
  server = await startDevServer(await durableServerOptions(home));
});

afterAll(() => server.stop());
afterEach(() => bench.close());

async function open(auth: WorkspaceAuth, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const clients = [{ id: 'app', secret: SECRETS.clientSecret }];
  bench = await openWorkspaceBench({
    temporalAddress: server.address,
    simulator: { tokens: [SECRETS.pat], clients, speed: 5 },
    secretsAllow: ['env:LONGHAUL_SECRET_*'],
    env: { ...SECRETS_IN_ENV, ...more },
    auth,
  });
  worker = await bench.spawnWorker({ logLevel: 'debug' });
}

/** The job names its secrets by reference and gets them as parameter and environment variable. */
function tattle(mode: string): JsonObject {
  const parameters = [{ $secret: 'env:LONGHAUL_SECRET_PARAMETER' }, mode];
  const cluster = {
    spark_version: '16.4.x-scala2.12',
    node_type_id: 'i3.xlarge',
    num_workers: 1,
    spark_env_vars: { LEAK: { $secret: 'env:LONGHAUL_SECRET_VARIABLE' } },
  };
  const task = {
    task_key: 'leak',
    spark_python_task: { python_file: script, parameters },
    new_cluster: cluster,
  };
  return { tasks: [task] };
}

/** All that Longhaul keeps or shows of a task. */
async function placesOf(id: string): Promise<Place[]> {
  const handle = bench.handle(id);
  const description = await handle.describe();
  const history = await handle.fetchHistory();
  return [
    { where: `history of ${id}`, text: toText(history) },
    { where: `description of ${id}`, text: toText({ ...description.raw, memo: description.memo }) },
    { where: `status of ${id}`, text: toText(await bench.tasks.get(id)) },
  ];
}

/** What of a settled task anyone can read, its logs included. */
async function settledPlacesOf(id: string): Promise<Place[]> {
  const outcome = await bench.tasks.wait(id);
  const logs = await bench.tasks.logs(id).catch((error: unknown) => ({ lines: [String(error)] }));
  const forward = await bench.tasks.logs(id, { pageToken: 'start' }).catch(String);
  return [
    ...(await placesOf(id)),
    { where: `outcome of ${id}`, text: toText(outcome) },
    { where: `logs of ${id}`, text: toText([logs, forward]) },
  ];
}

/** What the worker and Temporal have written. */
function writtenPlaces(): Place[] {
  return [{ where: 'log of the worker', text: worker.lines.join('\n') }, ...readFolder(home)];
}

const PAT: WorkspaceAuth = { kind: 'pat', token: SECRETS.pat };
const OAUTH: WorkspaceAuth = { kind: 'oauth-m2m', clientId: 'app', clientSecret: SECRETS.clientSecret };
const QUOTING = `refused: ${SECRETS.parameter} and ${SECRETS.variable} with ${SECRETS.pat}`;

test.each([
  ['token', PAT],
  ['client secret', OAUTH],
] as const)(
  'no secret of a job, nor the %s of its workspace, is found anywhere after success and failure',
  async (_kind, auth) => {
    await open(auth);
    const good = await bench.begin({ request: tattle('succeed') });
    const bad = await bench.begin({ request: tattle('fail') });
    const cut = await bench.begin({ request: tattle('cut') });
    const places = (await Promise.all([good, bad, cut].map(settledPlacesOf))).flat();
    const { status } = await bench.tasks.wait(bad);
    expect(status.message).toContain('ValueError: no access with [redacted]');
    expect((await bench.tasks.logs(good)).lines[0]).toBe('parameter [redacted] variable [redacted]');
    expect(bench.simulator.counters().lastSubmitBody).toContain(SECRETS.parameter);
    expect(findSecrets(SECRETS, [...places, ...writtenPlaces()])).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'answers of the workspace that quote secrets are redacted in trouble, rejections, cancels and logs',
  async () => {
    await open(PAT);
    strike(bench, { operation: 'get', kind: 'status', status: 503, message: QUOTING, skip: 1, times: 8 });
    strike(bench, { operation: 'get-output', kind: 'status', status: 400, message: QUOTING, times: 0 });
    strike(bench, { operation: 'cancel', kind: 'status', status: 400, message: QUOTING, times: 2 });
    const troubled = await bench.begin({ request: tattle('fail') });
    await untilStatus(bench, troubled, ({ code }) => code === 'UNAVAILABLE');
    const places = await placesOf(troubled);
    places.push(...(await settledPlacesOf(troubled)));
    bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 3_600_000 } });
    const canceled = await bench.begin({ name: 'long', request: tattle('succeed') });
    await untilStatus(bench, canceled, ({ phase }) => phase === 'RUNNING');
    await bench.tasks.cancel(canceled);
    await untilRequests(bench, 'cancel', 1);
    places.push(...(await placesOf(canceled)));
    places.push(...(await settledPlacesOf(canceled)));
    strike(bench, { operation: 'submit', kind: 'status', status: 503, message: QUOTING });
    strike(bench, {
      operation: 'submit',
      kind: 'status',
      status: 400,
      message: `${'p'.repeat(930)} ${QUOTING}`,
    });
    const rejected = await bench.begin({ request: tattle('succeed') });
    places.push(...(await settledPlacesOf(rejected)));
    expect((await bench.tasks.get(rejected)).code).toBe('INVALID_TASK');
    expect(findSecrets(SECRETS, [...places, ...writtenPlaces()])).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'an ended run whose own words quote a secret is shown without it',
  async () => {
    await open(PAT);
    bench.simulator.setOutcome({
      match: { runName: 'quoting' },
      outcome: {
        result: 'FAILED',
        message: QUOTING,
        error: QUOTING,
        errorTrace: `${QUOTING}\n${'t'.repeat(1_480)}`,
      },
    });
    const id = await bench.begin({ name: 'quoting' });
    const places = await settledPlacesOf(id);
    expect(findSecrets(SECRETS, [...places, ...writtenPlaces()])).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'a secret that happens to be part of a run id or of an address neither loses the job nor floods its history',
  async () => {
    await open(PAT, { LONGHAUL_SECRET_SHORT: '9007199', LONGHAUL_SECRET_SCHEME: 'http' });
    bench.simulator.setOutcome({ match: { runName: 'long' }, outcome: { runMs: 20_000 } });
    const id = await bench.begin({ name: 'long' });
    const { status } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'COMPLETED', externalId: expect.stringMatching(/^9007199\d+$/) });
    expect((await bench.events(id)).length).toBeLessThanOrEqual(40);
  },
  LIMIT_MS,
);

const FORBIDDEN = {
  tasks: [
    {
      task_key: 'a',
      spark_python_task: { python_file: script, parameters: [{ $secret: 'env:PATH' }] },
      new_cluster: { spark_version: '16.4.x-scala2.12', num_workers: 1, node_type_id: 'i3.xlarge' },
    },
  ],
};

test('a task that names what the operator does not allow is refused at the door', async () => {
  await open(PAT);
  await expect(bench.begin({ request: FORBIDDEN })).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: expect.stringContaining('env:PATH'),
  });
  expect(bench.simulator.counters().submits).toBe(0);
});

test('and again by the worker, when the door was bypassed', async () => {
  await open(PAT);
  const { client } = bench.environment;
  const { template, policy } = bench.request('databricks', { request: FORBIDDEN });
  const { taskQueues, capabilities } = bench.connector;
  const routing = { ...taskQueues, fence: capabilities.fence, repair: capabilities.repair };
  await client.workflow.start('connectorTask', {
    workflowId: 'bypassed',
    taskQueue: bench.workflowTaskQueue,
    args: [{ template, policy, routing, searchAttributes: true }],
  });
  const { status } = await bench.tasks.wait('bypassed');
  expect(status).toMatchObject({ state: 'FAILED', code: 'PERMISSION_DENIED' });
  expect(bench.simulator.counters().submits).toBe(0);
});
