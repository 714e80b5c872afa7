import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Client } from '@temporalio/client';
import {
  Worker,
  type NativeConnection,
  type WorkerInterceptors,
  type WorkerOptions,
} from '@temporalio/worker';

import {
  createConnectorActivities,
  createFinderActivities,
  createReconcileActivities,
  createTaskActivities,
  type ActivityDependencies,
} from '../../activities';
import type { AsyncConnector } from '../connector/connector';
import { LonghaulError } from '../connector/errors';
import { createReconcileControl } from './reconcile-control';
import { createTaskControl } from './task-control';

/** What the workers of one process serve, and with what. */
export interface WorkersOptions extends ActivityDependencies {
  readonly connection: NativeConnection;
  readonly client: Client;
  readonly namespace: string;
  /** Where task workflows run. */
  readonly workflowTaskQueue: string;
  /** The bundle built by `npm run build`; found beside the compiled code by default. */
  readonly workflowBundlePath?: string;
  readonly shutdownGraceMs?: number;
  /** Younger jobs with our mark are not called foreign by a reconciliation; default two minutes. */
  readonly foreignAfterMs?: number;
  /** Around the activities; those of the workflow are in its bundle. */
  readonly interceptors?: WorkerInterceptors;
}

/** Workers that poll until {@link RunningWorkers.shutdown}. */
export interface RunningWorkers {
  readonly taskQueues: readonly string[];
  /** Settles when all have stopped; rejects when one failed. */
  readonly done: Promise<void>;
  shutdown(): Promise<void>;
}

/** Polls are short and mostly waiting: 200 slots carry some thousand jobs. */
const ACTIVITY_SLOTS = 200;
/** Open tasks need no cache between their changes; a small one keeps the worker lean. */
const CACHED_WORKFLOWS = 200;
const SHUTDOWN_GRACE_MS = 10_000;
/** A cancel reaches a running activity with the answer to its heartbeat: the SDK's own pause of 8 s would hold it back. */
const HEARTBEAT_PAUSE_MS = 2_000;

/** Starts one worker for the workflows and one per task queue of the connectors that are served by it. */
export async function startWorkers(options: WorkersOptions): Promise<RunningWorkers> {
  const workers = await Promise.all(workerOptions(options).map((each) => Worker.create(each)));
  const runs = workers.map((worker) => worker.run());
  const done = Promise.all(runs).then(() => undefined);
  done.catch(() => undefined);
  return {
    taskQueues: workers.map((worker) => worker.options.taskQueue),
    done,
    shutdown: async () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled(runs);
    },
  };
}

function workerOptions(options: WorkersOptions): WorkerOptions[] {
  const { connection, namespace, client, workflowTaskQueue, registry } = options;
  const common = {
    connection,
    namespace,
    interceptors: options.interceptors ?? {},
    shutdownGraceTime: options.shutdownGraceMs ?? SHUTDOWN_GRACE_MS,
    maxConcurrentActivityTaskExecutions: ACTIVITY_SLOTS,
    maxHeartbeatThrottleInterval: HEARTBEAT_PAUSE_MS,
    defaultHeartbeatThrottleInterval: HEARTBEAT_PAUSE_MS,
  };
  const tasks: WorkerOptions = {
    ...common,
    taskQueue: workflowTaskQueue,
    workflowBundle: { codePath: options.workflowBundlePath ?? findWorkflowBundle() },
    maxCachedWorkflows: CACHED_WORKFLOWS,
    activities: {
      ...createTaskActivities(createTaskControl(client, workflowTaskQueue)),
      ...createReconcileActivities({ ...options, control: createReconcileControl(options) }),
    },
  };
  const activities = { ...createConnectorActivities(options), ...createFinderActivities(options) };
  const queues = servedQueues(registry.all().filter(({ servedBy }) => servedBy === undefined));
  return [tasks, ...queues.map((queue) => ({ ...common, ...queue, activities }))];
}

type ServedQueue = Pick<WorkerOptions, 'taskQueue' | 'maxTaskQueueActivitiesPerSecond'>;

/** Every queue once, the usual ones and those with a rate; several connectors may share them. */
function servedQueues(connectors: readonly AsyncConnector[]): ServedQueue[] {
  const pairs = connectors.flatMap(({ taskQueues }) => [taskQueues.polls, taskQueues.control]);
  const rated = connectors.flatMap((connector) => connector.ratedTaskQueues?.() ?? []);
  // Temporal takes the word of the last worker that asks, so each must say the same.
  const rates = new Map(rated.map(({ polls, pollsPerSecond }) => [polls, pollsPerSecond]));
  const names = new Set([...pairs, ...rated.flatMap(({ polls, control }) => [polls, control])]);
  return [...names].map((taskQueue) => {
    const maxTaskQueueActivitiesPerSecond = rates.get(taskQueue);
    return maxTaskQueueActivitiesPerSecond === undefined
      ? { taskQueue }
      : { taskQueue, maxTaskQueueActivitiesPerSecond };
  });
}

const BUNDLE_NAME = 'workflow-bundle.js';

/** From `dist/src/worker` and from `src/worker` alike. */
function findWorkflowBundle(): string {
  const candidates = [join(__dirname, '../..', BUNDLE_NAME), join(__dirname, '../../dist', BUNDLE_NAME)];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new LonghaulError('CONFIG', `The workflow bundle ${BUNDLE_NAME} is missing.`, {
    advice: 'Run npm run build.',
  });
}
