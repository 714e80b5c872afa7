import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { LonghaulError } from '../../src/connector/errors';
import { cpuMsOf, rssMbOf } from '../process-stats';
import type { LoadTarget } from './calls';

export interface LoadPlan {
  readonly target: LoadTarget;
  readonly callers: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly firstError?: string;
}

/** The processes whose use is watched; NaN stands for one that is not there. */
export interface Watched {
  readonly servingPid?: number;
  /** What the service asks: Temporal, or the workspace. */
  readonly behindPid?: number;
}

export interface Measurement extends LoadResult {
  readonly servingCpuMsPerCall: number;
  readonly behindCpuMsPerCall: number;
  readonly servingRssMb: number;
}

const RUNNER = join(__dirname, '../../scripts/run-typescript.cjs');

/** Runs a load in a process of its own, and watches the serving processes meanwhile. */
export async function measureLoad(plan: LoadPlan, { servingPid, behindPid }: Watched): Promise<Measurement> {
  const child = spawn(process.execPath, [RUNNER, join(__dirname, 'load-child.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(plan));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  await readLine(lines, 'measuring');
  const before = [cpuOf(servingPid), cpuOf(behindPid)] as const;
  const result = JSON.parse(await readLine(lines, 'result')) as LoadResult;
  const calls = Math.max(1, result.calls);
  const [servingMs, behindMs] = [cpuOf(servingPid) - before[0], cpuOf(behindPid) - before[1]];
  await ended;
  return {
    ...result,
    servingCpuMsPerCall: servingMs / calls,
    behindCpuMsPerCall: behindMs / calls,
    servingRssMb: servingPid === undefined ? Number.NaN : rssMbOf(servingPid),
  };
}

function cpuOf(pid: number | undefined): number {
  return pid === undefined ? Number.NaN : cpuMsOf(pid);
}

async function readLine(lines: AsyncIterator<string>, what: string): Promise<string> {
  const line = await lines.next();
  if (line.done !== true) return line.value;
  throw new LonghaulError('INTERNAL', `The load generator ended before its ${what}.`);
}
