import { randomUUID } from 'node:crypto';

import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowFailedError,
  type Client,
} from '@temporalio/client';
import { temporal } from '@temporalio/proto';

import type { ReconcileReport, ReconcileRequest } from '../../activities';
import type { reconcileTasks } from '../../workflows';
import { LonghaulError } from '../connector/errors';
import { RECONCILE_WORKFLOW_TYPE } from '../connector/task-names';
import { codeOfGrpc } from '../temporal/grpc-errors';
import { waitFor } from '../temporal/wait';
import { codedFailure } from './client-errors';

/** Of the Temporal schedule, and the beginning of its workflows' ids. */
export const RECONCILE_SCHEDULE = 'longhaul-reconcile';

const WORKER_SEEN_WITHIN_MS = 5_000;
const LOOK_AGAIN_MS = 250;

export interface ReconcileClientOptions {
  readonly client: Client;
  readonly workflowTaskQueue: string;
}

/** Looks for what closed tasks left over: once, or again and again by a Temporal schedule. */
export class ReconcileClient {
  readonly #options: ReconcileClientOptions;

  constructor(options: ReconcileClientOptions) {
    this.#options = options;
  }

  /** Starts one reconciliation and waits for its report. Several at once do nothing twice. @throws CONFIG, UNAVAILABLE. */
  async run(request: ReconcileRequest): Promise<ReconcileReport> {
    const { client, workflowTaskQueue: taskQueue } = this.#options;
    const workflowId = `${RECONCILE_SCHEDULE}-${randomUUID()}`;
    try {
      await this.#assertWorker();
      return await client.workflow.execute<typeof reconcileTasks>(RECONCILE_WORKFLOW_TYPE, {
        ...{ workflowId, taskQueue, args: [request] },
      });
    } catch (error) {
      throw toError(error);
    }
  }

  /** Sets the schedule, in place of an earlier one; a reconciliation that still runs is not begun again beside itself. */
  async schedule(everyMs: number, request: ReconcileRequest): Promise<void> {
    const { client } = this.#options;
    const options = this.#scheduleOptions(everyMs, request);
    try {
      await client.schedule.create({ scheduleId: RECONCILE_SCHEDULE, ...options });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw toError(error);
      await client.schedule.getHandle(RECONCILE_SCHEDULE).update(({ state }) => ({ ...options, state }));
    }
  }

  /** @returns false when there was none. */
  async unschedule(): Promise<boolean> {
    try {
      await this.#options.client.schedule.getHandle(RECONCILE_SCHEDULE).delete();
      return true;
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return false;
      throw toError(error);
    }
  }

  /** Without one a person would wait for ever; one that has just begun is seen after a moment. */
  async #assertWorker(): Promise<void> {
    const { client, workflowTaskQueue } = this.#options;
    const served = async (): Promise<true | undefined> => {
      const { pollers } = await client.workflowService.describeTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name: workflowTaskQueue },
        taskQueueType: temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
      });
      return pollers.length > 0 ? true : undefined;
    };
    const what = `a worker that serves the task queue ${workflowTaskQueue} (start one with: longhaul worker)`;
    await waitFor(served, { what, limitMs: WORKER_SEEN_WITHIN_MS, intervalMs: LOOK_AGAIN_MS });
  }

  #scheduleOptions(everyMs: number, request: ReconcileRequest): ScheduleParts {
    return {
      spec: { intervals: [{ every: everyMs }] },
      action: {
        type: 'startWorkflow',
        workflowType: RECONCILE_WORKFLOW_TYPE,
        workflowId: RECONCILE_SCHEDULE,
        taskQueue: this.#options.workflowTaskQueue,
        args: [request],
      },
      policies: { overlap: ScheduleOverlapPolicy.SKIP },
    };
  }
}

type ScheduleParts = Pick<Parameters<Client['schedule']['create']>[0], 'spec' | 'action' | 'policies'>;

function toError(error: unknown): LonghaulError {
  if (error instanceof LonghaulError) return error;
  const ours = codedFailure(error);
  if (ours !== undefined) return ours;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof WorkflowFailedError) {
    return new LonghaulError('INTERNAL', `The reconciliation failed: ${message}`, { cause: error });
  }
  return new LonghaulError(codeOfGrpc(error), `Temporal does not answer: ${message}`, { cause: error });
}
