import { ActivityFailure, CancelledFailure, patched } from '@temporalio/workflow';

import type { CreateResult } from '../src/connector/activity-contract';
import { ERROR_TABLE } from '../src/connector/errors';
import { createActivity } from './activity-proxies';
import { callOf, stepOf } from './calls';
import { conclude, concludeGone, isResubmitted } from './conclude';
import { note } from './note';
import { sleepUntil } from './pause';
import { prepare } from './prepare';
import { quotaBudgetOf } from './quota';
import { assertNotCanceled, runStep } from './steps';
import { failedEnd, readFailure, type StepFailure, type TaskEnd } from './task-end';
import { toCreateRequest } from './task-input';
import type { TaskRun } from './task-run';
import { beginAttempt, noteAttempt, type FailedVerdict } from './task-state';

/** Where a lost reply cannot be told from a lost request, only a request that surely never left is sent again. */
const PAUSE_BEFORE_RESUBMIT_MS = 30_000;

/** Begins a new attempt and starts its job; every try of it carries the same token. */
export async function submit(task: TaskRun): Promise<TaskEnd | undefined> {
  assertNotCanceled();
  task.state = beginAttempt(task.state, Date.now());
  const unprepared = await prepare(task);
  if (unprepared !== undefined) return unprepared;
  for (;;) {
    const outcome = await runStep(task, { begin: (spanMs) => create(task, spanMs) });
    if (outcome.kind === 'ok') return note(task, outcome.value, outcome.value.posts);
    if (outcome.kind === 'ended') return outcome.end;
    if (outcome.kind === 'failed') {
      if (!neverLeft(outcome.failure)) return rejected(task, outcome.failure);
      task.state = { ...task.state, mayBeRunning: false };
      const expired = await sleepUntil(task, Date.now() + PAUSE_BEFORE_RESUBMIT_MS);
      if (expired !== undefined) return expired;
    }
  }
}

async function create(task: TaskRun, spanMs: number | undefined): Promise<CreateResult> {
  assertNotCanceled();
  task.state = { ...task.state, mayBeRunning: true };
  const { input, state } = task;
  const start = createActivity(input.routing, stepOf(`submit · attempt ${state.attempt}`, spanMs));
  try {
    const quota = quotaBudgetOf(input.policy, state);
    return await start({ ...callOf(task), ...quota, request: toCreateRequest(input, state) });
  } catch (error) {
    if (neverTaken(task, error) || neverSent(error)) task.state = { ...task.state, mayBeRunning: false };
    throw error;
  }
}

/** What the server says of an activity that was canceled while no worker held it. */
const NOT_STARTED = 'ACTIVITY_ID_NOT_STARTED';

/** With a single try, "not started" means that no worker ever saw it; with more it may only be backing off. */
function neverTaken(task: TaskRun, error: unknown): boolean {
  if (task.input.routing.fence !== 'none' || !(error instanceof ActivityFailure)) return false;
  const { cause } = error;
  return cause instanceof CancelledFailure && cause.details[0] === NOT_STARTED;
}

/** Whatever ends such a submit, a deadline or a cancel, there is nothing to stop. Older histories stop it all the same. */
function neverSent(error: unknown): boolean {
  return readFailure(error).posts === 0 && patched('submit-never-sent');
}

function neverLeft({ code, posts }: StepFailure): boolean {
  return ERROR_TABLE[code].retryable && posts === 0;
}

/** A clear rejection started nothing; after an unanswered request the job may exist all the same. */
function rejected(task: TaskRun, failure: StepFailure): TaskEnd | undefined {
  const { code, message, posts = 0 } = failure;
  task.state = noteAttempt(task.state, { posts, endedAt: Date.now() });
  if (isResubmitted(task, code)) return concludeGone(task, message);
  const verdict = verdictOn(failure);
  if (verdict === undefined) return failedEnd(code, message, mayHaveStarted(failure) ? 'stop' : 'leave');
  task.state = { ...task.state, mayBeRunning: false };
  return conclude(task, verdict, message);
}

/** What is decided by more than the code; only a quota whose budget is spent comes here as RATE_LIMITED. */
function verdictOn({ code }: StepFailure): FailedVerdict | undefined {
  const fail = (reason: string) => ({ action: 'fail', reason }) as const;
  if (code === 'OUTCOME_UNKNOWN') {
    return { kind: 'failed', code, cause: 'unknown', decision: fail('it is not known whether the job ran') };
  }
  if (code !== 'RATE_LIMITED') return undefined;
  return {
    kind: 'failed',
    code,
    cause: 'quota',
    decision: fail('the submit was refused for all of quotaBudget'),
  };
}

/** A defect after a request tells nothing of what the request did. */
function mayHaveStarted({ code, posts }: StepFailure): boolean {
  return (posts ?? 0) > 1 || (code === 'INTERNAL' && posts !== 0);
}
