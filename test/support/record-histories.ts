import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

import { historyToJSON } from '@temporalio/common/lib/proto-utils';

import type { ReconcileRequest } from '../../activities';
import {
  LonghaulError,
  RECONCILE_WORKFLOW_TYPE,
  type Connection,
  type JsonObject,
} from '../../src/connector';
import type { TaskInput } from '../../workflows/task-input';
import { failJob, runJob, ScriptedConnector, succeedJob } from './scripted-connector';
import { openTaskBench, untilStatus, type TaskBench } from './task-bench';
import { waitUntil } from './wait-until';

export const HISTORIES = join(__dirname, '../fixtures/histories');

/** One way a task can go: how its job behaves and what people do meanwhile. Its history becomes a fixture. */
interface Path {
  readonly custom?: JsonObject;
  readonly policy?: JsonObject;
  readonly parts?: Partial<TaskInput>;
  readonly script?: (jobs: ScriptedConnector) => void;
  readonly act?: (stage: Stage) => Promise<unknown>;
  /** Id of another workflow whose history is the path's; default: the task's. */
  readonly about?: (stage: Stage) => Promise<string>;
}

interface Stage {
  readonly id: string;
  readonly bench: TaskBench;
  readonly jobs: ScriptedConnector;
}

const unavailable = (): LonghaulError => new LonghaulError('UNAVAILABLE', 'no answer');

async function untilRunning({ bench, id }: Stage): Promise<void> {
  await untilStatus(bench, id, (status) => status.phase === 'RUNNING');
}

const FAILED_IN_WINDOW: Path = {
  policy: { repairWindow: '1h' },
  script: (jobs) => (jobs.onCreate = (job) => failJob(job, 'ValueError')),
};

/** By the external system's own means, while the task waits in its repair window. */
async function repairElsewhere({ bench, id, jobs }: Stage): Promise<void> {
  await untilStatus(bench, id, ({ message }) => message?.startsWith('failed;') === true);
  runJob(jobs.nth());
  jobs.nth().next = { kind: 'poll' };
}

const PATHS: Readonly<Record<string, Path>> = {
  success: { script: (jobs) => (jobs.onGet = succeedJob) },
  'lost-reply': {
    script: (jobs) => {
      let lost = 0;
      jobs.afterCreate = () => (lost++ === 0 ? Promise.reject(unavailable()) : Promise.resolve());
      jobs.onGet = succeedJob;
    },
  },
  prepared: {
    custom: { name: 'nightly' },
    script: (jobs) => {
      jobs.onPrepare = async () => ({ jobId: '9007199254740993' });
      jobs.onGet = succeedJob;
    },
  },
  failed: { script: (jobs) => (jobs.onGet = (job) => failJob(job, 'ValueError')) },
  retried: {
    script: (jobs) => {
      const decision = { action: 'resubmit', patch: { spot: false }, reason: 'spot lost' } as const;
      jobs.onGet = (job) =>
        job.custom['spot'] === false
          ? succeedJob(job)
          : failJob(job, 'spot', { cause: 'platform', decision });
    },
  },
  'canceled-running': {
    act: async (stage) => {
      await untilRunning(stage);
      await stage.bench.tasks.cancel(stage.id, { by: 'ana', reason: 'wrong table' });
    },
  },
  'canceled-submitting': {
    script: (jobs) => (jobs.afterCreate = () => Promise.reject(unavailable())),
    act: async ({ bench, id, jobs }) => {
      await waitUntil('the submit', () => (jobs.jobs.size > 0 ? true : undefined));
      await bench.handle(id).cancel();
    },
  },
  deadline: { policy: { executionTimeout: '2s' } },
  'trouble-shown': {
    script: (jobs) => {
      const since = Date.now();
      jobs.beforeGet = () => (Date.now() - since < 3_000 ? Promise.reject(unavailable()) : Promise.resolve());
      jobs.onGet = succeedJob;
    },
  },
  'run-gone': {
    act: async (stage) => {
      await untilRunning(stage);
      stage.jobs.jobs.clear();
    },
  },
  'continue-as-new': {
    parts: { continueAfterEvents: 12 },
    script: (jobs) => {
      jobs.onGet = (job) => {
        if (job.gets === 2) succeedJob(job);
        else job.meta = { ...job.meta, gets: job.gets };
      };
    },
  },
  'execute-and-sleep': {
    script: (jobs) => {
      jobs.onCreate = (job) => {
        runJob(job);
        job.next = { kind: 'sleep', until: Date.now() + 1_000 };
      };
      jobs.onGet = (job) => (job.next = { kind: 'execute' });
      jobs.onExecute = async (job) => {
        succeedJob(job);
      };
    },
  },
  repair: {
    script: (jobs) => {
      const decision = { action: 'retryAfter', delayMs: 3_600_000, reason: 'quota' } as const;
      jobs.onCreate = (job) => failJob(job, 'no quota', { decision });
      jobs.onRepair = (job) => {
        runJob(job);
        job.next = { kind: 'poll' };
      };
      jobs.onGet = succeedJob;
    },
    act: async ({ bench, id }) => {
      await untilStatus(bench, id, (status) => status.message?.startsWith('next attempt') === true);
      await bench.handle(id).executeUpdate('repair', { args: [{}] });
    },
  },
  'repair-advised': {
    script: (jobs) => {
      let repairs = 0;
      const decision = { action: 'repair', reason: '1 of 2 tasks went through' } as const;
      jobs.onCreate = (job) => failJob(job, 'one task failed', { cause: 'platform', decision });
      jobs.onRepair = (job) => {
        repairs += 1;
        if (repairs > 1) succeedJob(job);
      };
    },
  },
  'repair-reopened': {
    parts: {
      repairFirst: { tasks: ['b'] },
      carried: {
        tokenBase: 'recorded',
        startedAt: Date.now(),
        attempt: 1,
        mayBeRunning: false,
        resource: { phase: 'QUEUED', message: 'opened again for a repair' },
        meta: { version: 1, jobId: 'ended' },
        attempts: [{ attempt: 1, token: 'lh-recorded-1', posts: 1, externalId: 'ended', endedAt: 1 }],
      },
    },
    script: (jobs) => {
      failJob(jobs.addForeign('ended'), 'ValueError');
      jobs.onRepair = (job) => {
        runJob(job);
        job.next = { kind: 'poll' };
      };
      jobs.onGet = succeedJob;
    },
  },
  'repair-window': {
    policy: { repairWindow: '2s' },
    script: (jobs) => (jobs.onGet = (job) => failJob(job, 'ValueError')),
  },
  'repair-canceled': {
    script: (jobs) => {
      const decision = { action: 'repair', reason: '1 of 2 tasks went through' } as const;
      jobs.onCreate = (job) => failJob(job, 'one task failed', { cause: 'platform', decision });
      jobs.onRepair = (job) => {
        job.meta = { ...job.meta, asked: true };
        throw new LonghaulError('UNAVAILABLE', 'no answer', { retryAfterMs: 60_000 });
      };
    },
    act: async ({ bench, id, jobs }) => {
      await waitUntil('the repair', () =>
        jobs.jobs.size > 0 && jobs.nth().meta['asked'] === true ? true : undefined,
      );
      await bench.tasks.cancel(id);
    },
  },
  'repair-never-began': {
    policy: { repairWindow: '2s' },
    script: (jobs) => {
      const decision = { action: 'repair', reason: '1 of 2 tasks went through' } as const;
      jobs.onCreate = (job) => failJob(job, 'one task failed', { cause: 'platform', decision });
      jobs.beforeRepair = () => Promise.reject(new LonghaulError('UNAUTHENTICATED', 'expired'));
    },
  },
  'submit-never-sent': {
    policy: { overallTimeout: '3s' },
    script: (jobs) => {
      const heldBack = new LonghaulError('RATE_LIMITED', 'no room', {
        retryAfterMs: 1_000,
        isHeldBack: true,
      });
      jobs.beforeCreate = () => Promise.reject(heldBack);
    },
  },
  'repaired-elsewhere': {
    ...FAILED_IN_WINDOW,
    act: async (stage) => {
      await repairElsewhere(stage);
      await stage.bench.tasks.nudge(stage.id);
      await untilRunning(stage);
      succeedJob(stage.jobs.nth());
    },
  },
  'canceled-repaired-elsewhere': {
    ...FAILED_IN_WINDOW,
    act: async (stage) => {
      await repairElsewhere(stage);
      await stage.bench.tasks.cancel(stage.id, { by: 'ana' });
    },
  },
  'quota-waits': {
    policy: { maxAttempts: 1, onFailure: { WORKSPACE_RUN_LIMIT_EXCEEDED: { retryAfter: '1s' } } },
    script: (jobs) => {
      const decision = { action: 'retryAfter', delayMs: 1_000, reason: 'no room' } as const;
      jobs.onCreate = (job) =>
        jobs.jobs.size < 3 ? failJob(job, 'no room', { cause: 'quota', decision }) : succeedJob(job);
    },
  },
  'decided-otherwise': {
    script: (jobs) => {
      const reason = 'RUN_EXECUTION_ERROR was worth another run when this was decided';
      const decision = { action: 'retry', reason } as const;
      jobs.onCreate = (job) =>
        jobs.jobs.size < 2
          ? failJob(job, 'RUN_EXECUTION_ERROR', { cause: 'user', decision })
          : succeedJob(job);
    },
  },
  adopted: {
    parts: { adopted: { meta: { version: 1, jobId: 'theirs' }, externalId: 'theirs' } },
    script: (jobs) => {
      const job = jobs.addForeign('theirs');
      jobs.onGet = () => (job.gets > 1 ? succeedJob(job) : undefined);
    },
  },
  'renewed-connection': {
    parts: { connection: connectionOf('first') },
    act: async (stage) => {
      const { bench, id, jobs } = stage;
      await untilRunning(stage);
      await bench.tasks.renewConnection(id, connectionOf('first'));
      await bench.tasks.renewConnection(id, connectionOf('second'));
      jobs.nth().cancelIgnored = true;
      await bench.tasks.cancel(id);
      await waitUntil('the cancel', () => (jobs.nth().cancels > 0 ? true : undefined));
      jobs.nth().cancelIgnored = false;
      await bench.tasks.renewConnection(id, connectionOf('third'));
    },
  },
  'gone-resubmitted': {
    policy: { onGone: 'resubmit' },
    act: async (stage) => {
      await untilRunning(stage);
      stage.jobs.jobs.clear();
      stage.jobs.onGet = succeedJob;
      await untilStatus(stage.bench, stage.id, ({ attempt }) => attempt === 2);
    },
  },
  'taken-up-to-stop': {
    parts: {
      adopted: { meta: { version: 1, jobId: 'theirs' }, externalId: 'theirs' },
      canceled: { by: 'ana', reason: 'left over' },
    },
    script: (jobs) => jobs.addForeign('theirs'),
  },
  reconcile: {
    script: (jobs) => (jobs.onGet = succeedJob),
    about: async ({ bench }) => {
      const workflowId = `recorded-${randomUUID()}`;
      const request: ReconcileRequest = { sinceMs: 1, action: 'report' };
      await bench.environment.client.workflow.execute(RECONCILE_WORKFLOW_TYPE, {
        ...{ workflowId, taskQueue: bench.workflowTaskQueue, args: [request] },
      });
      return workflowId;
    },
  },
  'earlier-attempts': {
    parts: { earlierAttempts: [`recorded-${randomUUID()}`, `recorded-${randomUUID()}`] },
    script: (jobs) => (jobs.onGet = succeedJob),
  },
};

/** Of a history only its commands are replayed: nothing opens these. */
function connectionOf(digest: string): Connection {
  return { secrets: { token: `sealed:k1:${digest}` }, sealedFor: 'recorded', digest, sealedAt: 1 };
}

export const PATH_NAMES: readonly string[] = Object.keys(PATHS);

/** Records against the shared server each path that has no history yet: one that was released is never replaced. */
export async function recordMissingHistories(): Promise<void> {
  mkdirSync(HISTORIES, { recursive: true });
  for (const [name, path] of Object.entries(PATHS)) {
    if (!existsSync(historyFile(name))) await record(name, path);
  }
}

export function historyFile(name: string): string {
  return join(HISTORIES, `${name}.json`);
}

async function record(name: string, path: Path): Promise<void> {
  const jobs = new ScriptedConnector('recorded', `recorded-${randomUUID()}`);
  jobs.onCreate = runJob;
  path.script?.(jobs);
  const bench = await openTaskBench({ connectors: [jobs], troubleShownAfterMs: 500 });
  const workers = await bench.startWorkers();
  const request = bench.request('recorded', path.custom ?? {}, path.policy);
  const id = await bench.startWith(request, path.parts ?? {});
  const { runId } = await bench.handle(id).describe();
  await path.act?.({ id, bench, jobs });
  await bench.tasks.wait(id);
  const other = await path.about?.({ id, bench, jobs });
  const { workflow } = bench.environment.client;
  const handle = other === undefined ? workflow.getHandle(id, runId) : workflow.getHandle(other);
  const history = await handle.fetchHistory();
  writeFileSync(historyFile(name), `${historyToJSON(history)}\n`);
  await workers.shutdown();
  await bench.environment.teardown();
}
