import { allHandlersFinished, ApplicationFailure, CancellationScope, condition } from '@temporalio/workflow';

import { isErrorCode, type ErrorCode } from '../src/connector/errors';
import { isJsonObject, type JsonObject } from '../src/connector/json';
import type { RepairAnswer } from './task-input';
import type { TaskRun } from './task-run';

/** A repair that a person asked for: the update's handler waits for the answer, the task's own loop does the work. */
export interface RepairAsked {
  readonly options: JsonObject;
  answer?: RepairAnswer | Refusal;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Refuses, before anything is recorded, what cannot be repaired now. */
export function assertRepairable(task: TaskRun, options: unknown): void {
  const refused = refusalOf(task, options);
  if (refused !== undefined) throw toFailure(refused);
}

function refusalOf(task: TaskRun, options: unknown): Refusal | undefined {
  const { input, state } = task;
  const { type } = input.template;
  if (!input.routing.repair) {
    return { code: 'UNSUPPORTED', message: `The connector of ${type} does not offer repair.` };
  }
  if (options !== undefined && !isJsonObject(options)) {
    return { code: 'INVALID_TASK', message: 'options: must be an object' };
  }
  const paused = state.resumeAt !== undefined && state.meta !== undefined;
  if (paused && !state.mayBeRunning && task.repairAsked === undefined) return undefined;
  return jobActive(task);
}

export function jobActive({ state }: TaskRun): Refusal {
  const message = `The job is still ${state.resource.phase}; it can be repaired during the pause before a next attempt.`;
  return { code: 'JOB_ACTIVE', message };
}

/** Hands the repair to the task's loop, which waits in the pause, and gives its answer to the caller. */
export async function askRepair(task: TaskRun, options: JsonObject): Promise<RepairAnswer> {
  const asked: RepairAsked = { options };
  task.repairAsked = asked;
  task.waiting?.scope.cancel();
  await CancellationScope.nonCancellable(() => condition(() => asked.answer !== undefined));
  const { answer } = asked;
  if (answer === undefined || isRefusal(answer)) throw toFailure(answer ?? CLOSED);
  return answer;
}

export function answerRepair(task: TaskRun, answer: RepairAnswer | Refusal): void {
  if (task.repairAsked !== undefined) task.repairAsked.answer = answer;
  task.repairAsked = undefined;
}

/** What a caller hears whose task closed before the repair was done. */
const CLOSED: Refusal = { code: 'ALREADY_ENDED', message: 'The task ended before the repair was done.' };

/** No caller is left without an answer when the task closes. */
export async function closeRepairs(task: TaskRun): Promise<void> {
  if (task.repairAsked === undefined) return;
  answerRepair(task, CLOSED);
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
}

function isRefusal(answer: RepairAnswer | Refusal): answer is Refusal {
  return 'code' in answer && isErrorCode(answer.code);
}

function toFailure({ code, message }: Refusal): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}
