import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

import type { TaskView } from '../../workflows/task-view';
import { LonghaulError } from '../connector/errors';
import { isTerminalPhase } from '../connector/phase';
import { firstObject } from './first-payload';
import type { TaskState, TaskStatus } from './task-status';

/**
 * May the job of a closed task still run, as far as its memo can tell? A workflow that was ended from outside may have
 * had a submit under way which its memo does not show.
 */
export function mayHaveLeftJob(state: TaskState, view: TaskView | undefined): boolean {
  if (state === 'TERMINATED' || state === 'TIMED_OUT') return true;
  if (state !== 'FAILED' || view === undefined || view.code === 'RUN_GONE') return false;
  if (view.code === 'CANCEL_UNCONFIRMED') return true;
  const last = view.receipt?.attempts.at(-1);
  if (last?.endedAt !== undefined) return false;
  return last?.externalId !== undefined || view.unreachableSince !== undefined;
}

/** What to do about a job that nobody follows any more, before all else. One sentence. */
export function leftJobAdvice({ externalId }: Pick<TaskStatus, 'externalId'>): string {
  const job = externalId === undefined ? 'its job' : `its job ${externalId}`;
  return (
    `${job} may still run: longhaul reconcile shows what was left over, ` +
    'longhaul reconcile --action cancel stops it, --action adopt follows it on.'
  );
}

/**
 * A task is started anew only beside no job of its own.
 * @throws JOB_ACTIVE where the earlier job may still run. Throws as gRPC does.
 */
export async function assertLeftNoJob(
  client: Client,
  status: TaskStatus,
  view: TaskView | undefined,
): Promise<void> {
  const { id, state, jobMayRun, message = 'it ended without seeing its job end' } = status;
  if (jobMayRun !== true) return;
  if (state !== 'FAILED' && !(await hadJob(client, status, view))) return;
  throw new LonghaulError('JOB_ACTIVE', `Task ${id} is not started again beside its own job: ${message}`, {
    advice:
      `Nothing was started; ${leftJobAdvice(status)} ` +
      'Then --again starts it anew; if you have seen yourself that the job has ended: --again --force.',
  });
}

/** What of a workflow that was ended from outside only its history tells: whether a request was under way. */
async function hadJob(
  client: Client,
  { id, runId }: TaskStatus,
  view: TaskView | undefined,
): Promise<boolean> {
  const { events } = await client.workflow.getHandle(id, runId).fetchHistory();
  const begun = lastBegun(events ?? []);
  const isEnded = view !== undefined && isTerminalPhase(view.phase);
  const isKnown = view?.externalId !== undefined || view?.meta !== undefined;
  switch (begun.kind) {
    case 'nothing':
      return isKnown && !isEnded;
    case 'underWay':
      return true;
    case 'answered':
      return !isEnded || view.externalId !== begun.externalId;
    default:
      return begun satisfies never;
  }
}

type Begun =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'underWay' }
  | { readonly kind: 'answered'; readonly externalId: unknown };

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

const STARTING_STEPS: ReadonlySet<unknown> = new Set(['create', 'repair']);

/** What became of the last request of this run that may have started a job. One that was surely never sent is none. */
function lastBegun(events: readonly HistoryEvent[]): Begun {
  const scheduled = new Set<string>();
  let begun: Begun = { kind: 'nothing' };
  let before: Begun = begun;
  for (const event of events) {
    const asked = event.activityTaskScheduledEventAttributes;
    if (asked && STARTING_STEPS.has(asked.activityType?.name)) {
      scheduled.add(String(event.eventId));
      before = begun;
      begun = { kind: 'underWay' };
    }
    const { activityTaskCompletedEventAttributes: done, activityTaskFailedEventAttributes: failed } = event;
    if (!scheduled.has(String((done ?? failed)?.scheduledEventId))) continue;
    if (done) begun = { kind: 'answered', externalId: firstObject(done.result)['externalId'] };
    const details = failed?.failure?.applicationFailureInfo?.details;
    if (firstObject(details)['posts'] === 0) begun = before;
  }
  return begun;
}
