/**
 * The load generator, a process of its own and one for all services, so that differences are the services'. It reads a
 * `LoadPlan` as JSON, prints `measuring` after the warm-up, and then its `LoadResult`.
 */
import { readFileSync } from 'node:fs';

import { createCalls } from './calls';
import type { LoadPlan, LoadResult } from './load';

const WARM_UP_MS = 1_500;

interface Tally {
  readonly latencies: number[];
  errors: number;
  firstError?: string;
}

async function main(): Promise<void> {
  const plan = JSON.parse(readFileSync(0, 'utf8')) as LoadPlan;
  const call = await createCalls(plan.target);
  await keepCalling(call, plan.callers, WARM_UP_MS);
  console.log('measuring');
  const startedAt = performance.now();
  const tally = await keepCalling(call, plan.callers, plan.seconds * 1000);
  console.log(JSON.stringify(toResult(tally, performance.now() - startedAt)));
  process.exit(0);
}

async function keepCalling(call: () => Promise<void>, callers: number, ms: number): Promise<Tally> {
  const tally: Tally = { latencies: [], errors: 0 };
  const until = performance.now() + ms;
  const caller = async (): Promise<void> => {
    for (let now = performance.now(); now < until; now = performance.now()) {
      try {
        await call();
        tally.latencies.push(performance.now() - now);
      } catch (error) {
        tally.errors += 1;
        tally.firstError ??= String(error).slice(0, 500);
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return tally;
}

function toResult({ latencies, errors, firstError }: Tally, ms: number): LoadResult {
  latencies.sort((a, b) => a - b);
  const at = (part: number): number => latencies[Math.floor((latencies.length - 1) * part)] ?? Number.NaN;
  return {
    calls: latencies.length,
    perSecond: (latencies.length * 1000) / ms,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors,
    ...(firstError === undefined ? {} : { firstError }),
  };
}

void main();
