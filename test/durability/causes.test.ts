import type { JsonObject } from '../../src/connector';
import { installQuietRuntime } from '../support/task-bench';
import { openWorkspaceBench, requests, strike, TOKEN, type WorkspaceBench } from './support/workspace-bench';

/** Attempts by cause, at the simulated workspace. */
const LIMIT_MS = 120_000;
let bench: WorkspaceBench;

beforeAll(installQuietRuntime);

beforeEach(async () => {
  bench = await openWorkspaceBench({ simulator: { speed: 10 } });
  await bench.startWorkers();
});

afterEach(() => bench.close());

function onSpot(availability: string): JsonObject {
  const cluster = { spark_version: '15.4.x', num_workers: 1, aws_attributes: { availability, zone_id: 'a' } };
  return { tasks: [{ task_key: 'main', notebook_task: { notebook_path: '/main' }, new_cluster: cluster }] };
}

/** The clusters that were asked for, first run first. */
async function clustersSubmitted(): Promise<JsonObject[]> {
  const url = `${bench.simulator.url}/api/2.2/jobs/runs/list?expand_tasks=true`;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  const { runs } = (await answer.json()) as {
    runs: { tasks: { new_cluster: { aws_attributes: JsonObject } }[] }[];
  };
  return runs.reverse().flatMap(({ tasks }) => tasks.map(({ new_cluster }) => new_cluster.aws_attributes));
}

test(
  'lost spot instances lead to a run on demand, and history says why',
  async () => {
    const message = 'Cluster was terminated. Reason: SPOT_INSTANCE_TERMINATION (CLOUD_FAILURE)';
    const outcome = { result: 'FAILED', terminationCode: 'CLUSTER_ERROR', message };
    bench.simulator.setOutcome({ match: { taskKey: 'main' }, outcome });
    const id = await bench.begin({ request: onSpot('SPOT'), policy: { maxAttempts: 2 } });
    const { status, result } = await bench.tasks.wait(id);
    expect(status).toMatchObject({ state: 'FAILED', cause: 'platform', attempt: 2 });
    expect(await clustersSubmitted()).toEqual([
      { availability: 'SPOT', zone_id: 'a' },
      { availability: 'ON_DEMAND', zone_id: 'a' },
    ]);
    expect(result?.receipt.attempts[0]?.decision).toBe(
      'resubmit: SPOT_INSTANCE_TERMINATION means that spot instances were taken away; on demand instead of spot',
    );
  },
  LIMIT_MS,
);

test(
  'a task may name another zone for a cause of its own',
  async () => {
    const outcome = { result: 'FAILED', terminationCode: 'STORAGE_ACCESS_ERROR' };
    bench.simulator.setOutcome({ match: { taskKey: 'main' }, outcome });
    const onFailure = { STORAGE_ACCESS_ERROR: { resubmit: { compute: { zone: 'b' } } } };
    const id = await bench.begin({ request: onSpot('ON_DEMAND'), policy: { maxAttempts: 2, onFailure } });
    await bench.tasks.wait(id);
    expect((await clustersSubmitted()).map(({ zone_id }) => zone_id)).toEqual(['a', 'b']);
  },
  LIMIT_MS,
);

test("a failure of the user's own code starts nothing else, unless the task says so", async () => {
  bench.simulator.setOutcome({ match: { runName: 'proof' }, outcome: {} });
  bench.simulator.setOutcome({ match: { taskKey: 'main' }, outcome: { result: 'FAILED' } });
  const plain = await bench.tasks.wait(await bench.begin());
  expect(plain.status).toMatchObject({ state: 'FAILED', cause: 'user', attempt: 1 });
  const onFailure = { RUN_EXECUTION_ERROR: 'retry' };
  const stubborn = await bench.tasks.wait(await bench.begin({ policy: { maxAttempts: 2, onFailure } }));
  expect(stubborn.status).toMatchObject({ state: 'FAILED', attempt: 2 });
  expect(stubborn.result?.receipt.attempts[0]?.decision).toContain(
    "the task's onFailure.RUN_EXECUTION_ERROR decides",
  );
});

test(
  'a quota refused at the submit is waited out, and starts one run',
  async () => {
    strike(bench, {
      operation: 'submit',
      kind: 'status',
      status: 400,
      code: 'QUOTA_EXCEEDED',
      retryAfter: 1,
      times: 2,
    });
    const { status, result } = await bench.tasks.wait(await bench.begin({ policy: { maxAttempts: 1 } }));
    expect(status).toMatchObject({ state: 'COMPLETED', attempt: 1 });
    expect(result?.receipt.attempts).toMatchObject([{ posts: 3 }]);
    expect(requests(bench, 'submit')).toBe(3);
    expect(bench.simulator.counters()).toMatchObject({ runsCreated: 1, activeRuns: 0 });
  },
  LIMIT_MS,
);

test(
  'a quota refused at the submit for all of its budget ends the task, and starts no run',
  async () => {
    const limit = { operation: 'submit', kind: 'status', status: 400, retryAfter: 1, times: 0 } as const;
    const message = 'The quota for the number of jobs has been reached.';
    strike(bench, { ...limit, code: 'QUOTA_EXCEEDED', message });
    const { status } = await bench.tasks.wait(await bench.begin({ policy: { quotaBudget: '3s' } }));
    expect(status).toMatchObject({ state: 'FAILED', code: 'RATE_LIMITED', cause: 'quota', attempt: 1 });
    expect(status.message).toContain('which is all of quotaBudget');
    expect(bench.simulator.counters()).toMatchObject({ runsCreated: 0, activeRuns: 0 });
  },
  LIMIT_MS,
);

test(
  'a run refused for a quota is started again beyond the last attempt',
  async () => {
    const outcome = {
      result: 'FAILED',
      lifeCycleState: 'SKIPPED',
      terminationCode: 'WORKSPACE_RUN_LIMIT_EXCEEDED',
    };
    bench.simulator.setOutcome({ match: { taskKey: 'main' }, outcome });
    const onFailure = { WORKSPACE_RUN_LIMIT_EXCEEDED: { retryAfter: '1s' } };
    const policy = { maxAttempts: 1, quotaBudget: '6s', onFailure };
    const { status, result } = await bench.tasks.wait(await bench.begin({ policy }));
    expect(status).toMatchObject({ state: 'FAILED', cause: 'quota' });
    const rows = result?.receipt.attempts ?? [];
    expect(rows.length).toBeGreaterThan(2);
    expect(rows.slice(0, -1).every(({ waitsForQuota }) => waitsForQuota === true)).toBe(true);
    expect(rows.at(-1)?.decision).toMatch(/it did not ease in \d+ s, which is all of quotaBudget$/);
  },
  LIMIT_MS,
);

/** A leaf that goes through after a task that failed. */
const LENIENT: JsonObject = {
  tasks: [
    { task_key: 'flaky', notebook_task: { notebook_path: '/flaky' } },
    {
      task_key: 'report',
      notebook_task: { notebook_path: '/report' },
      depends_on: [{ task_key: 'flaky' }],
      run_if: 'ALL_DONE',
    },
  ],
};

test.each([
  ['fail', { state: 'FAILED', code: 'JOB_FAILED' }],
  ['warn', { state: 'COMPLETED', phase: 'SUCCEEDED', message: expect.stringMatching(/^Warning: /) }],
  ['accept', { state: 'COMPLETED', phase: 'SUCCEEDED', message: expect.stringMatching(/^TERMINATED/) }],
])('success with failures is a policy: %s', async (onSuccessWithFailures, expected) => {
  bench.simulator.setOutcome({ match: { taskKey: 'flaky' }, outcome: { result: 'FAILED' } });
  const id = await bench.begin({ request: LENIENT, policy: { onSuccessWithFailures } });
  const { status, result } = await bench.tasks.wait(id);
  expect(status).toMatchObject(expected);
  expect(result?.resource.customInfo?.['warning']).toEqual(
    onSuccessWithFailures === 'warn' ? status.message : undefined,
  );
});
