import { evaluateCondition } from './condition';
import { badDefinition, DISABLED, SUCCEEDED, timedOut, WORKLOAD_FAILED } from './endings';
import type { Ending } from './model';
import { readNotebookResult } from './notebooks';
import { decidesTheEnd, outputOf, scriptedEnding } from './outcomes';
import { parseFailure } from './python-trace';
import { missingProgram, toProgram } from './programs';
import { outcomeFor, type Step } from './step';
import { parametersOf } from './task-parameters';
import { readObject } from './wire-json';

const TRACE_BYTES = 200_000;
/** They need no compute, so none is prepared for them. */
const WITHOUT_COMPUTE = ['condition_task', 'for_each_task', 'run_job_task'];

/** Moves an attempt by one phase if that is due. Returns whether it did. */
export function stepAttempt(step: Step): boolean {
  switch (step.attempt.phase) {
    case 'BLOCKED':
    case 'WAITING_FOR_RETRY':
    case 'PENDING':
      return stepWaiting(step);
    case 'RUNNING':
      return stepRunning(step);
    case 'TERMINATING':
      return stepTerminating(step);
    case 'ENDED':
      return false;
    default:
      return step.attempt.phase satisfies never;
  }
}

function stepWaiting(step: Step): boolean {
  const { attempt, task, context } = step;
  if (attempt.stop !== undefined) return finish(step, attempt.stop.ending, attempt.stop.at);
  if (task.disabled) return finish(step, DISABLED, attempt.startedAt ?? attempt.createdAt);
  if (attempt.phase === 'WAITING_FOR_RETRY') {
    const at = attempt.waitUntil ?? attempt.createdAt;
    if (!context.isDue(at)) return false;
    attempt.phase = 'PENDING';
    attempt.startedAt = at;
    return true;
  }
  const at = (attempt.startedAt ?? attempt.createdAt) + pendingMs(step);
  if (task.timeoutMs > 0 && at - (attempt.startedAt ?? at) > task.timeoutMs) return timeOutWaiting(step);
  if (!context.isDue(at)) return false;
  attempt.phase = 'RUNNING';
  attempt.executionAt = at;
  return true;
}

function pendingMs(step: Step): number {
  const { task, context } = step;
  const usual = WITHOUT_COMPUTE.some((kind) => task.body[kind] !== undefined) ? 0 : context.timing.pendingMs;
  return outcomeFor(step)?.pendingMs ?? usual;
}

function timeOutWaiting(step: Step): boolean {
  const at = (step.attempt.startedAt ?? step.attempt.createdAt) + step.task.timeoutMs;
  return step.context.isDue(at) && finish(step, timedOut(step.task.timeoutMs), at);
}

function stepRunning(step: Step): boolean {
  const { attempt, task, context } = step;
  const timeoutAt =
    task.timeoutMs === 0 ? Infinity : (attempt.startedAt ?? attempt.createdAt) + task.timeoutMs;
  const isReal = attempt.process === true || !decidesTheEnd(outcomeFor(step));
  const program = isReal ? toProgram(step) : undefined;
  if (program === undefined) return stepScripted(step, timeoutAt);
  const missing = attempt.process === true ? undefined : missingProgram(program);
  if (missing !== undefined) return finish(step, missing, attempt.executionAt ?? context.now);
  if (context.isDue(timeoutAt)) {
    attempt.stop ??= { ending: timedOut(task.timeoutMs), at: timeoutAt, killed: false };
  }
  return stepProcess(step, () => {
    context.python.launch(attempt.runId, program);
  });
}

function stepScripted(step: Step, timeoutAt: number): boolean {
  const { attempt, task, context } = step;
  const outcome = outcomeFor(step);
  const condition = readObject(task.body, 'condition_task');
  const runMs = outcome?.runMs ?? (condition === undefined ? context.timing.runMs : 0);
  const doneAt = (attempt.executionAt ?? attempt.createdAt) + runMs;
  const stopAt = Math.min(attempt.stop?.at ?? Infinity, timeoutAt);
  if (stopAt < doneAt && context.isDue(stopAt)) {
    return finish(step, attempt.stop?.at === stopAt ? attempt.stop.ending : timedOut(task.timeoutMs), stopAt);
  }
  if (!context.isDue(doneAt)) return false;
  if (outcome !== undefined) attempt.output = outputOf(outcome);
  if (condition !== undefined && !decide(step)) return finish(step, badCondition(step), doneAt);
  return finish(step, outcome === undefined ? SUCCEEDED : scriptedEnding(outcome), doneAt);
}

/** Whether there is an answer to a condition task. */
function decide({ run, task, attempt }: Step): boolean {
  const condition = {
    ...readObject(task.body, 'condition_task'),
    ...parametersOf('condition_task', task, { run, attempt }),
  };
  const outcome = evaluateCondition(condition);
  if (outcome !== undefined) attempt.conditionOutcome = outcome;
  return outcome !== undefined;
}

function badCondition({ task }: Step): Ending {
  return badDefinition(
    `The condition of task ${task.key} cannot be evaluated: its operator compares numbers.`,
  );
}

function stepProcess(step: Step, launch: () => void): boolean {
  const { attempt, context } = step;
  const state = context.python.poll(attempt.runId);
  switch (state.kind) {
    case 'absent':
      if (attempt.stop !== undefined) return finish(step, attempt.stop.ending, context.now);
      attempt.process = true;
      launch();
      return true;
    case 'running':
      return stopProcess(step);
    case 'lost':
      return finish(step, attempt.stop?.ending ?? lostProcess(), context.now);
    case 'exited':
      return endProcess(step, state.code);
    default:
      return state satisfies never;
  }
}

function stopProcess({ attempt, context }: Step): boolean {
  const { stop, runId } = attempt;
  context.isDue(context.nextPollAt);
  if (stop === undefined) return false;
  if (!stop.killed && context.isDue(stop.at + context.timing.killAfterMs)) {
    stop.killed = true;
    context.python.signal(runId, 'SIGKILL');
    return true;
  }
  if (attempt.terminatingAt !== undefined) return false;
  attempt.terminatingAt = context.now;
  context.python.signal(runId, 'SIGTERM');
  return true;
}

function endProcess(step: Step, code: number): boolean {
  const { attempt, context } = step;
  if (attempt.stop !== undefined) {
    context.python.signal(attempt.runId, 'SIGKILL'); // what the program left behind in its group
    return finish(step, attempt.stop.ending, context.now);
  }
  const output = readNotebookResult(context.python.readResult(attempt.runId));
  if (output !== undefined) attempt.output = output;
  if (code === 0) return finish(step, SUCCEEDED, context.now);
  attempt.output ??= parseFailure(context.python.readLog(attempt.runId, TRACE_BYTES).text, code);
  return finish(step, WORKLOAD_FAILED, context.now);
}

function lostProcess(): Ending {
  const message = 'The Python process died unexpectedly';
  return { ...WORKLOAD_FAILED, code: 'DRIVER_ERROR', type: 'INTERNAL_ERROR', message };
}

function stepTerminating(step: Step): boolean {
  const { attempt, context } = step;
  const at = (attempt.terminatingAt ?? attempt.createdAt) + context.timing.terminatingMs;
  if (!context.isDue(at)) return false;
  attempt.phase = 'ENDED';
  attempt.endedAt = at;
  return true;
}

/** What never executed ends at once, the rest cleans up first. */
export function finish({ attempt }: Step, ending: Ending, at: number): boolean {
  attempt.ending = ending;
  if (attempt.executionAt === undefined) {
    attempt.phase = 'ENDED';
    attempt.endedAt = at;
  } else {
    attempt.phase = 'TERMINATING';
    attempt.terminatingAt = at;
  }
  return true;
}
