import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { parseTaskPolicy } from '../src/connector';
import { BENCH_TYPE } from './bench-connector';
import type { Stage } from './stage';

/** Numbers of one measured window, by name; `null` where a design has no such thing. */
export type Figures = Readonly<Record<string, number>>;

const CALLERS = 16;

interface BenchJob {
  readonly pollSeconds: number;
  /** 0: it runs for ever. */
  readonly looksPerPhase: number;
}

/** Starts `count` tasks with some callers at once; gives the ids. */
async function startMany(stage: Stage, count: number, job: BenchJob): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `bench-${randomUUID()}`);
  const left = [...ids];
  const callers = Array.from({ length: CALLERS }, async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      await startOne(stage, id, job);
    }
  });
  await Promise.all(callers);
  return ids;
}

async function startOne(stage: Stage, id: string, { pollSeconds, looksPerPhase }: BenchJob): Promise<void> {
  if (stage.design === 'naive') {
    const args = [{ custom: { looksPerPhase }, pollMs: pollSeconds * 1000 }];
    await stage.client.workflow.start('naiveTask', { workflowId: id, taskQueue: 'naive', args });
    return;
  }
  const wait = `${pollSeconds}s`;
  await stage.tasks.start({
    id,
    template: { type: BENCH_TYPE, version: 0, custom: { looksPerPhase } },
    policy: parseTaskPolicy({ pollMin: wait, pollMax: wait }),
  });
}

/** Polls of `jobs` open tasks, each asked for once a second, in steady state. */
export async function measurePolls(stage: Stage, jobs: number, seconds: number): Promise<Figures> {
  await stage.startWorker();
  await startMany(stage, jobs, { pollSeconds: 1, looksPerPhase: 0 });
  await sleep(5_000);
  const before = { ...stage.worker(), server: stage.serverCpuMs() };
  await sleep(seconds * 1000);
  const after = { ...stage.worker(), server: stage.serverCpuMs() };
  const polls = after.polls - before.polls;
  const [workerCpuS, serverCpuS] = [
    (after.cpuMs - before.cpuMs) / 1000,
    (after.server - before.server) / 1000,
  ];
  return {
    'polls per second': polls / seconds,
    'polls per CPU second of the server': polls / serverCpuS,
    'polls per CPU second of the worker': polls / workerCpuS,
  };
}

/** Starts without any worker: what the front door takes. */
export async function measureStarts(stage: Stage, seconds: number): Promise<Figures> {
  const until = Date.now() + seconds * 1000;
  let started = 0;
  const callers = Array.from({ length: CALLERS }, async () => {
    while (Date.now() < until) {
      await startOne(stage, `start-${randomUUID()}`, { pollSeconds: 60, looksPerPhase: 0 });
      started += 1;
    }
  });
  await Promise.all(callers);
  return { 'tasks started per second': started / seconds };
}

/** A whole task with three phase changes and `looksPerPhase` looks in each: what stays in history. */
export async function measureEvents(stage: Stage, looksPerPhase: number): Promise<Figures> {
  await stage.startWorker();
  const [id = ''] = await startMany(stage, 1, { pollSeconds: 1, looksPerPhase });
  const handle = stage.client.workflow.getHandle(id);
  await handle.result();
  const description = await handle.describe();
  return {
    [`events of a task with ${3 * looksPerPhase} polls`]: description.historyLength,
    [`history bytes of a task with ${3 * looksPerPhase} polls`]: description.historySize ?? 0,
  };
}

/** Memory with many open tasks, each polled every 30 s. */
export async function measureMemory(stage: Stage, sizes: readonly number[]): Promise<Figures> {
  await stage.startWorker();
  const figures: Record<string, number> = {};
  let open = 0;
  for (const size of sizes) {
    await startMany(stage, size - open, { pollSeconds: 30, looksPerPhase: 0 });
    open = size;
    await sleep(20_000);
    figures[`worker MB with ${size} open tasks`] = stage.worker().rssMb;
    figures[`server MB with ${size} open tasks`] = stage.serverRssMb();
  }
  return figures;
}
