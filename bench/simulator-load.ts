/**
 * What a request to the simulated workspace costs while 10 and 1,000 runs are open in it (processor time, the client's
 * included, so that a busy machine does not blur it), and what its clock costs while nothing is asked. `node scripts/run-typescript.cjs bench/simulator-load.ts`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { request } from 'undici';

import { LonghaulError } from '../src/connector/errors';
import { DEFAULT_TOKEN, startSimulator, type Simulator } from '../src/simulator';

const OPEN_RUNS = [10, 1_000];
const REQUESTS = 100;
const IDLE_MS = 3_000;

async function main(): Promise<void> {
  for (const isSaved of [false, true]) {
    process.stdout.write(`${isSaved ? 'with a state file' : 'in memory'}\n`);
    for (const open of OPEN_RUNS) process.stdout.write(`${await measure(open, isSaved)}\n`);
  }
}

async function measure(open: number, isSaved: boolean): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-load-'));
  const simulator = await startSimulator(isSaved ? { stateFile: join(folder, 'state.json') } : {});
  try {
    simulator.setOutcome({ match: {}, outcome: { runMs: 3_600_000 } });
    const runId = await openRuns(simulator, open);
    await sleep(1_500); // all of them are RUNNING
    await timed(() => call(simulator, `runs/get?run_id=${runId}`)); // warm
    const get = await timed(() => call(simulator, `runs/get?run_id=${runId}`));
    const submit = await timed(() => submitOne(simulator));
    const idle = await idleShare();
    return `${open} open: get ${get.toFixed(2)} ms, submit ${submit.toFixed(2)} ms, idle ${(100 * idle).toFixed(1)} % of a core`;
  } finally {
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openRuns(simulator: Simulator, count: number): Promise<string> {
  let last = '';
  for (let done = 0; done < count; done += 50) {
    const batch = Array.from({ length: Math.min(50, count - done) }, () => submitOne(simulator));
    last = (await Promise.all(batch)).at(-1) ?? last;
  }
  return /\d+/.exec(last)?.[0] ?? '';
}

function submitOne(simulator: Simulator): Promise<string> {
  const tasks = [{ task_key: 'a', notebook_task: { notebook_path: '/a' } }];
  return call(simulator, 'runs/submit', JSON.stringify({ tasks }));
}

/** With a body a POST, without one a GET. */
async function call(simulator: Simulator, path: string, body?: string): Promise<string> {
  const headers = { authorization: `Bearer ${DEFAULT_TOKEN}` };
  const options = body === undefined ? { headers } : ({ method: 'POST', headers, body } as const);
  const response = await request(`${simulator.url}/api/2.2/jobs/${path}`, options);
  const text = await response.body.text();
  if (response.statusCode !== 200) throw new LonghaulError('INTERNAL', text);
  return text;
}

/** Milliseconds of a processor for one, one after another. */
async function timed(act: () => Promise<string>): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < REQUESTS; done += 1) await act();
  return cpuMsSince(before) / REQUESTS;
}

async function idleShare(): Promise<number> {
  const before = process.cpuUsage();
  await sleep(IDLE_MS);
  return cpuMsSince(before) / IDLE_MS;
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
