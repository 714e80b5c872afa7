import type { Observed } from '../src/connector/activity-contract';
import type { JsonObject } from '../src/connector/json';
import type { AttemptDecision } from '../src/connector/observation';
import { repairActivity } from './activity-proxies';
import { callOf, stepOf } from './calls';
import { note } from './note';
import { answerRepair } from './repair-request';
import { assertNotCanceled, runStep, type StepOutcome } from './steps';
import { stopJob } from './stop';
import { failedEnd, type StepFailure, type TaskEnd } from './task-end';
import { toCreateRequest } from './task-input';
import { publish, type TaskRun } from './task-run';
import { beginRepair, noteAttempt, toRepairAnswer, type FailedVerdict } from './task-state';

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
  const text = `${failedWith} The repair failed: ${describe(outcome.failure)}.`;
  return failedEnd(verdict.code, text, jobAfter(outcome.failure), verdict.cause);
}

/** The repair that a person asked for during the pause before the next attempt; when it fails, the pause goes on. */
export async function repairWhenAsked(task: TaskRun): Promise<TaskEnd | undefined> {
  const { repairAsked } = task;
  if (repairAsked === undefined) return undefined;
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
  const { code, message } = outcome.failure;
  return failedEnd(code, `The repair failed: ${message}`, jobAfter(outcome.failure));
}

/** Where somebody else runs the job, whoever asked for a repair did not ask for a stop. */
function jobAfter({ code }: StepFailure): 'leave' | 'stop' {
  return code === 'JOB_ACTIVE' ? 'leave' : 'stop';
}

async function runRepair(task: TaskRun, options: JsonObject): Promise<StepOutcome<Observed>> {
  // Nothing was sent yet: a cancel that came with the look that advised it must not find a repair to settle.
  assertNotCanceled();
  const { meta = {} } = task.state;
  const request = toCreateRequest(task.input, task.state);
  task.state = beginRepair(task.state, options, Date.now());
  publish(task, { message: 'repairing the job' });
  return runStep(task, {
    begin: (spanMs) =>
      repairActivity(
        task.input.routing,
        stepOf('repair the job', spanMs),
      )({ ...callOf(task), meta, request, options }),
  });
}

/** A repair of unknown outcome must not run beside the next attempt. */
async function giveUpRepair(task: TaskRun, failure: StepFailure): Promise<TaskEnd | undefined> {
  answerRepair(task, failure);
  if (jobAfter(failure) === 'leave') return failedEnd(failure.code, failure.message, 'leave');
  const stopped = await stopJob(task, `the repair failed (${describe(failure)})`);
  return stopped.kind === 'confirmed' ? undefined : failedEnd(stopped.code, stopped.message, 'leave');
}

function describe({ code, message }: StepFailure): string {
  return `${code}: ${message}`;
}
