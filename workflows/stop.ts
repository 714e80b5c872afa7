import { CancellationScope } from '@temporalio/workflow';

import type { DeleteResult } from '../src/connector/activity-contract';
import type { DeleteTarget } from '../src/connector/connector';
import { deleteActivity } from './activity-proxies';
import { callOf, stepOf } from './calls';
import { toCreateRequest } from './task-input';
import { isDeadlineFailure, isGone, readFailure } from './task-end';
import { publish, type TaskRun } from './task-run';
import { noteAttempt } from './task-state';

/** How the effort to stop a job ended. */
export type StopOutcome =
  | { readonly kind: 'confirmed'; readonly message: string; readonly stoppedAt: number }
  | {
      readonly kind: 'unconfirmed';
      readonly code: 'CANCEL_UNCONFIRMED' | 'OUTCOME_UNKNOWN';
      readonly message: string;
    };

/** After this the task shows CANCEL_UNCONFIRMED, and keeps trying. */
const WARN_AFTER_MS = 2 * 60_000;
/** After this it gives up and says so. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;

/** Stops the current attempt's job and waits until it is seen stopped. No cancellation interrupts it. */
export function stopJob(task: TaskRun, why: string): Promise<StopOutcome> {
  return CancellationScope.nonCancellable(async () => {
    if (!task.state.mayBeRunning) return confirmed(describeEnded(task), Date.now());
    publish(task, { message: `Canceling: ${why}` });
    const first = await tryStop(task, WARN_AFTER_MS);
    if (first !== 'late') return first;
    const message = `Canceling: the job was not seen to stop within ${WARN_AFTER_MS / 1000} s; trying on`;
    publish(task, { message, code: 'CANCEL_UNCONFIRMED' });
    const second = await tryStop(task, GIVE_UP_AFTER_MS - WARN_AFTER_MS);
    if (second !== 'late') return second;
    return {
      kind: 'unconfirmed',
      code: 'CANCEL_UNCONFIRMED',
      message: 'The job was not seen to stop within 24 h.',
    };
  });
}

/** New credentials begin it anew; the time it has does not. */
async function tryStop(task: TaskRun, spanMs: number): Promise<StopOutcome | 'late'> {
  const until = Date.now() + spanMs;
  try {
    return noteStopped(task, await requestStop(task, spanMs));
  } catch (error) {
    // Not only for a cancellation: a try that fails just then reports its own failure.
    if (task.stopping?.consideredCancelled === true) return await tryStop(task, until - Date.now());
    if (isDeadlineFailure(error)) return 'late';
    const { code, message } = readFailure(error);
    if (isGone(code) && task.state.meta !== undefined) return noteGone(task, message);
    const shown = code === 'OUTCOME_UNKNOWN' ? code : 'CANCEL_UNCONFIRMED';
    return { kind: 'unconfirmed', code: shown, message };
  } finally {
    task.stopping = undefined;
  }
}

/**
 * Only a task with credentials of its own has them renewed, so only it needs a scope that can be canceled: in histories
 * of older SDKs such a scope is reached by the task's own cancel.
 */
function requestStop(task: TaskRun, spanMs: number): Promise<DeleteResult> {
  const remove = deleteActivity(task.input.routing, stepOf('stop the job', Math.max(1, spanMs)));
  const begin = (): Promise<DeleteResult> => remove({ ...callOf(task), target: targetOf(task) });
  if (task.state.connection === undefined) return begin();
  task.stopping = new CancellationScope();
  return task.stopping.run(begin);
}

function targetOf(task: TaskRun): DeleteTarget {
  const { state, input } = task;
  if (state.meta !== undefined) return { kind: 'meta', meta: state.meta, ...unansweredRepair(task) };
  return { kind: 'request', request: toCreateRequest(input, state) };
}

function unansweredRepair({ state, input }: TaskRun): Pick<MetaTarget, 'repair'> {
  const { repairing: options } = state;
  return options === undefined ? {} : { repair: { request: toCreateRequest(input, state), options } };
}

type MetaTarget = Extract<DeleteTarget, { kind: 'meta' }>;

function noteGone(task: TaskRun, message: string): StopOutcome {
  return noteStopped(task, { kind: 'nothing', message, posts: 0, stoppedAt: Date.now() });
}

function noteStopped(task: TaskRun, result: DeleteResult): StopOutcome {
  const posts = (task.state.attempts[task.state.attempt - 1]?.posts ?? 0) + result.posts;
  const endedAt = result.stoppedAt;
  const { repairing: _repairing, ...kept } = task.state;
  const stopped = { ...kept, mayBeRunning: false };
  if (result.kind === 'nothing') {
    task.state = noteAttempt(stopped, { posts, endedAt });
    return confirmed(result.message, result.stoppedAt);
  }
  const { meta, resource, stoppedAt, externalId } = result;
  const phase = resource.phase;
  task.state = noteAttempt({ ...stopped, meta, resource }, { posts, endedAt, phase, externalId });
  return confirmed(`the job ended ${resource.phase}: ${resource.message ?? 'no message'}`, stoppedAt);
}

function describeEnded({ state }: TaskRun): string {
  const phase = state.attempts[state.attempt - 1]?.endedAt === undefined ? undefined : state.resource.phase;
  return phase === undefined ? 'no job was running' : `the job had already ended ${phase}`;
}

function confirmed(message: string, stoppedAt: number): StopOutcome {
  return { kind: 'confirmed', message, stoppedAt };
}
