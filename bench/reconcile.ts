/**
 * A reconciliation over many closed tasks, of which a few left runs behind: what it finds, and what it takes.
 * `node scripts/run-typescript.cjs bench/reconcile.ts [CLOSED [LEFT]]`, by default 10,000 terminated tasks and 50 of them
 * with a run that goes on. Terminated ones cost most: only their histories can tell what they left.
 */
import { ReconcileClient } from '../src/client';
import { installRuntimeLogger } from '../src/cli/runtime-logger';
import { DEFAULT_POLICY, type JsonObject } from '../src/connector';
import { waitFor } from '../src/temporal/wait';
import { openDatabricksStage, SERVED_QUEUE, type DatabricksStage } from './databricks-stage';

const [CLOSED = 10_000, LEFT = 50] = process.argv.slice(2).map(Number);
const HOUR_MS = 3_600_000;
const AT_ONCE = 64;
const LIMIT_MS = 120_000;

async function main(): Promise<void> {
  installRuntimeLogger('error');
  const stage = await openDatabricksStage({ limits: { requestsPerSecond: 100, submitsPerSecond: 100 } });
  try {
    stage.simulator.setOutcome({ match: { runName: 'left' }, outcome: { runMs: HOUR_MS } });
    await leaveBehind(stage);
    await terminate(stage, await startAll(stage.unserved, 'closed', CLOSED - LEFT));
    await report(stage);
  } finally {
    await stage.close();
  }
}

async function leaveBehind(stage: DatabricksStage): Promise<void> {
  const ids = await startAll(stage.tasks, 'left', LEFT);
  await waitFor(() => stage.simulator.counters().activeRuns >= LEFT || undefined, {
    what: `${LEFT} runs`,
    limitMs: LIMIT_MS,
  });
  await terminate(stage, ids);
}

async function startAll(tasks: DatabricksStage['tasks'], name: string, count: number): Promise<string[]> {
  const task = { task_key: 'main', notebook_task: { notebook_path: '/main' } };
  const custom: JsonObject = { request: { run_name: name, tasks: [task] } };
  const template = { type: 'databricks', version: 0, custom };
  const ids = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  await eachOf(ids, (id) => tasks.start({ id, template, policy: DEFAULT_POLICY }));
  return ids;
}

async function terminate({ client }: DatabricksStage, ids: readonly string[]): Promise<void> {
  await eachOf(ids, (id) => client.workflow.getHandle(id).terminate('by the benchmark'));
}

async function report({ client, simulator }: DatabricksStage): Promise<void> {
  const areListed = async (): Promise<true | undefined> =>
    (await client.workflow.count("ExecutionStatus = 'Terminated'")).count >= CLOSED || undefined;
  await waitFor(areListed, { what: 'all to be listed', limitMs: LIMIT_MS });
  const before = requestsOf(simulator.counters());
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const reconciler = new ReconcileClient({ client, workflowTaskQueue: SERVED_QUEUE });
  const { closedTasks, found } = await reconciler.run({ sinceMs: HOUR_MS, action: 'report', by: 'bench' });
  const tookS = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const rows = {
    'closed tasks looked at': closedTasks,
    'left over, found': found,
    'requests to the workspace': requestsOf(simulator.counters()) - before,
    'took, in s': tookS.toFixed(1),
    'closed tasks per second': Math.round(closedTasks / tookS),
    'CPU of worker and workspace, in s': ((user + system) / 1e6).toFixed(1),
    'memory of worker and workspace, in MB': Math.round(process.memoryUsage.rss() / 1e6),
  };
  for (const [name, value] of Object.entries(rows)) console.log(`${name}: ${value}`);
}

function requestsOf({ requests }: { readonly requests: Readonly<Record<string, number>> }): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}

async function eachOf(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<void> {
  const left = ids.values();
  const lane = async (): Promise<void> => {
    for (const id of left) await act(id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

void main().then(() => process.exit());
