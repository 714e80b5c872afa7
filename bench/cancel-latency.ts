/**
 * How long a cancel takes to reach the workspace while 200 tasks are open: from the call of the task client until the
 * simulated workspace takes the cancel request. `node scripts/run-typescript.cjs bench/cancel-latency.ts [slow] [budget]`; with
 * `slow` every request to the workspace takes 300 ms, with `budget` the workspace has the budget of one that says nothing.
 */
import { installRuntimeLogger } from '../src/cli/runtime-logger';
import { DEFAULT_POLICY, type JsonObject } from '../src/connector';
import { waitFor } from '../src/temporal/wait';
import { openDatabricksStage, type DatabricksStage } from './databricks-stage';

const OPEN_TASKS = 200;
const SINGLE_CANCELS = 50;
const LATENCY_MS = process.argv.includes('slow') ? 300 : 0;
/** As good as without: else it is the request budget that is measured. */
const UNLIMITED = { requestsPerSecond: 10_000, submitsPerSecond: 10_000 };
const LIMITS = process.argv.includes('budget') ? {} : UNLIMITED;
const LIMIT_MS = 120_000;

async function main(): Promise<void> {
  installRuntimeLogger('error');
  const stage = await openDatabricksStage({ limits: LIMITS });
  const { simulator } = stage;
  simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
  if (LATENCY_MS > 0) simulator.addFault({ operation: '*', kind: 'latency', ms: LATENCY_MS });
  try {
    const ids = await openTasks(stage, OPEN_TASKS + SINGLE_CANCELS);
    const single: number[] = [];
    for (const id of ids.slice(0, SINGLE_CANCELS)) single.push(...(await cancelAll(stage, [id])));
    report(`one at a time, ${OPEN_TASKS} open`, single);
    const rest = ids.slice(SINGLE_CANCELS);
    report(`all ${OPEN_TASKS} at once`, await cancelAll(stage, rest));
    console.log(`runs still active: ${stage.simulator.counters().activeRuns}`);
  } finally {
    await stage.close();
  }
}

async function openTasks({ tasks }: DatabricksStage, count: number): Promise<string[]> {
  const task = { task_key: 'main', notebook_task: { notebook_path: '/main' } };
  const custom: JsonObject = { request: { run_name: 'long', tasks: [task] } };
  const template = { type: 'databricks', version: 0, custom };
  const started = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      tasks.start({ id: `bench-${index}`, template, policy: DEFAULT_POLICY }),
    ),
  );
  for (const { id } of started) {
    const isRunning = async (): Promise<true | undefined> =>
      (await tasks.get(id)).phase === 'RUNNING' ? true : undefined;
    await waitFor(isRunning, { what: `task ${id} to run`, limitMs: LIMIT_MS });
  }
  return started.map(({ id }) => id);
}

/** Milliseconds from each request until the workspace took it; one process, one clock. */
async function cancelAll({ tasks, simulator }: DatabricksStage, ids: readonly string[]): Promise<number[]> {
  const runs = await Promise.all(ids.map(async (id) => (await tasks.get(id)).externalId ?? ''));
  const asked = ids.map(async (id) => {
    const askedAt = Date.now();
    await tasks.cancel(id, { by: 'bench' });
    return askedAt;
  });
  const askedAt = await Promise.all(asked);
  await Promise.all(ids.map((id) => tasks.wait(id)));
  const { cancels } = simulator.counters();
  return runs.map((runId, index) => (cancels[runId]?.[0] ?? Number.NaN) - (askedAt[index] ?? 0));
}

function report(what: string, latencies: readonly number[]): void {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  console.log(
    `${what}: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms (${sorted.length} cancels)`,
  );
}

void main().then(() => process.exit());
