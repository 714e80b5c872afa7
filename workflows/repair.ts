import { patched } from '@temporalio/workflow';

import type { Observed } from '../src/connector/activity-contract';
import type { JsonObject } from '../src/connector/json';
import type { AttemptDecision } from '../src/connector/observation';
import { repairActivity } from './activity-proxies';
import { callOf, stepOf } from './calls';
import { note } from './note';
import { answerRepair, jobActive } from './repair-request';
import { keepAfterRepair } from './repair-window';
import { followAnothers } from './runs-again';
import { assertNotCanceled, runStep, type StepOutcome } from './steps';
import { stopJob } from './stop';
import { failedEnd, readFailure, type FailedEnd, type StepFailure, type TaskEnd } from './task-end';
import { toCreateRequest } from './task-input';
import { publish, type TaskRun } from './task-run';
import { beginRepair, noteAttempt, toRepairAnswer, undoRepair, type FailedVerdict } from './task-state';

/** Repairs the ended job in place, as its connector advised: same attempt, same task. */
export async function repairJob(
  task: TaskRun,
  verdict: FailedVerdict,
  decision: AttemptDecision,
): Promise<TaskEnd | undefined> {
  const failedWith = task.state.resource.message ?? verdict.code;
  task.state = noteAttempt(task.state, { decision: `repair: ${decision.reason}` });
  const outcome = await runRepair(task, {});
  if (outcome.kind === 'ok') return note(task, outcome.value);
  if (outcome.kind === 'ended') return outcome.end;
  if (outcome.kind === 'interrupted') return undefined;
  const { failure } = outcome;
  const { code, cause } = verdict;
  const message = `${failedWith} The repair failed: ${describe(failure)}.`;
  if (isAnothers(failure)) return followOr(task, failedEnd(code, message, 'leave', cause));
  return keepAfterRepair(task, { code, message, cause });
}

/** The repair that a person asked for during the pause before the next attempt; when it fails, the pause goes on. */
export async function repairWhenAsked(task: TaskRun): Promise<TaskEnd | undefined> {
  const { repairAsked } = task;
  if (repairAsked === undefined) return undefined;
  if (task.state.next !== undefined) {
    answerRepair(task, jobActive(task));
    return undefined;
  }
  const outcome = await runRepair(task, repairAsked.options);
  if (outcome.kind === 'ok') {
    const ended = note(task, outcome.value);
    answerRepair(task, toRepairAnswer(task.state));
    return ended;
  }
  if (outcome.kind === 'ended') return outcome.end;
  if (outcome.kind === 'failed') return giveUpRepair(task, outcome.failure);
  return undefined;
}

/** A task that was opened again begins with the repair it was opened for: without it there is nothing to follow. */
export async function repairFirst(task: TaskRun): Promise<TaskEnd | undefined> {
  const { repairFirst: options } = task.input;
  if (options === undefined) return undefined;
  const outcome = await runRepair(task, options);
  if (outcome.kind === 'ok') return note(task, outcome.value);
  if (outcome.kind === 'ended') return outcome.end;
  if (outcome.kind === 'interrupted') return undefined;
  const { failure } = outcome;
  const message = `The repair failed: ${failure.message}`;
  if (isAnothers(failure)) return followOr(task, failedEnd(failure.code, message, 'leave'));
  if (task.state.repairing !== undefined) return failedEnd(failure.code, message, 'stop');
  return endAsBefore(task, failure);
}

/** Nothing was begun: what ran before was left to itself on purpose and still is, and why it failed has not changed. */
function endAsBefore({ state: { failed } }: TaskRun, failure: StepFailure): TaskEnd {
  if (failed === undefined) {
    return failedEnd(failure.code, `The repair failed: ${failure.message}`, 'leave');
  }
  const message = `${failed.message} A repair was refused: ${describe(failure)}`;
  return failedEnd(failed.code, message, 'leave', failed.cause);
}

async function followOr(task: TaskRun, end: FailedEnd): Promise<TaskEnd | undefined> {
  return (await followAnothers(task)) ? undefined : end;
}

/** Where somebody else runs the job, whoever asked for a repair did not ask for a stop. */
function isAnothers({ code }: StepFailure): boolean {
  return code === 'JOB_ACTIVE';
}

async function runRepair(task: TaskRun, options: JsonObject): Promise<StepOutcome<Observed>> {
  // Nothing was sent yet: a cancel that came with the look that advised it must not find a repair to settle.
  assertNotCanceled();
  const before = task.state;
  task.state = beginRepair(before, options, Date.now());
  publish(task, { message: 'repairing the job' });
  return runStep(task, {
    begin: (spanMs) => sendRepair(task, options, spanMs),
    onError: (error) => {
      if (neverBegan(readFailure(error))) task.state = undoRepair(task.state, before);
    },
  });
}

function sendRepair(task: TaskRun, options: JsonObject, spanMs: number | undefined): Promise<Observed> {
  const { input, state } = task;
  const { meta = {} } = state;
  const start = repairActivity(input.routing, stepOf('repair the job', spanMs));
  return start({ ...callOf(task), meta, request: toCreateRequest(input, state), options });
}

/** Whatever ends such a repair, a refusal, a deadline or a cancel, there is nothing to stop, and no try is spent. */
function neverBegan(failure: StepFailure): boolean {
  return failure.posts === 0 && !isAnothers(failure) && patched('repair-never-began');
}

/** A repair of unknown outcome must not run beside the next attempt. */
async function giveUpRepair(task: TaskRun, failure: StepFailure): Promise<TaskEnd | undefined> {
  answerRepair(task, failure);
  if (isAnothers(failure)) return followOr(task, failedEnd(failure.code, failure.message, 'leave'));
  const stopped = await stopJob(task, `the repair failed (${describe(failure)})`);
  return stopped.kind === 'confirmed' ? undefined : failedEnd(stopped.code, stopped.message, 'leave');
}

function describe({ code, message }: StepFailure): string {
  return `${code}: ${message}`;
}
