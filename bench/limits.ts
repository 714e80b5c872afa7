/**
 * A crowd of runs in a workspace with a request budget: what the workspace counts, and whether all succeed.
 * `node scripts/run-typescript.cjs bench/limits.ts [RUNS [REQUESTS_PER_SECOND]]`, by default 1,000 runs at 10 requests/s.
 */
import { installRuntimeLogger } from '../src/cli/runtime-logger';
import { DEFAULT_POLICY, type JsonObject } from '../src/connector';
import { openDatabricksStage, type DatabricksStage } from './databricks-stage';

const [RUNS = 1_000, REQUESTS_PER_SECOND = 10] = process.argv.slice(2).map(Number);

async function main(): Promise<void> {
  installRuntimeLogger('error');
  const stage = await openDatabricksStage({
    limits: { requestsPerSecond: REQUESTS_PER_SECOND },
    simulator: { speed: 5 },
  });
  try {
    const began = performance.now();
    const ended = await runAll(stage);
    report(stage, ended, performance.now() - began);
  } finally {
    await stage.close();
  }
}

async function runAll({ tasks }: DatabricksStage): Promise<readonly string[]> {
  const task = { task_key: 'main', notebook_task: { notebook_path: '/main' } };
  const custom: JsonObject = { request: { run_name: 'crowd', tasks: [task] } };
  const template = { type: 'databricks', version: 0, custom };
  const started: string[] = [];
  for (let index = 0; index < RUNS; index += 1) {
    const { id } = await tasks.start({ id: `crowd-${index}`, template, policy: DEFAULT_POLICY });
    started.push(id);
  }
  return Promise.all(started.map(async (id) => (await tasks.wait(id)).status.state));
}

function report({ simulator }: DatabricksStage, states: readonly string[], tookMs: number): void {
  const { busiestTenSeconds, rateLimited, requests, runsCreated } = simulator.counters();
  const all = Object.values(requests).reduce((sum, count) => sum + count, 0);
  const rows = {
    'runs asked for': RUNS,
    'tasks completed': states.filter((state) => state === 'COMPLETED').length,
    'runs the workspace made': runsCreated,
    requests: all,
    'requests a second, on average': (all / (tookMs / 1000)).toFixed(2),
    'most requests in any 10 s': busiestTenSeconds,
    'of the limit, in %': ((busiestTenSeconds / (REQUESTS_PER_SECOND * 10)) * 100).toFixed(1),
    'answers 429': rateLimited,
    'took, in s': Math.round(tookMs / 1000),
  };
  for (const [name, value] of Object.entries(rows)) console.log(`${name}: ${value}`);
  console.log(JSON.stringify(requests));
}

void main();
