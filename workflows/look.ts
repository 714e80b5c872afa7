import type { GetInput, GetResult } from '../src/connector/activity-contract';
import type { NextStep } from '../src/connector/observation';
import { getActivity, type StepOptions } from './activity-proxies';
import { callOf, stepOf } from './calls';
import { activeDeadlines } from './deadlines';
import { note } from './note';
import { concludeStep, runStep } from './steps';
import { failedEnd, type TaskEnd } from './task-end';
import { publish, type TaskRun } from './task-run';
import { toPollSummary } from './task-view';

type PollStep = Extract<NextStep, { kind: 'poll' }>;

/** Waits until something changed; the waiting costs no history, however long. */
export async function look(task: TaskRun, next: PollStep): Promise<TaskEnd | undefined> {
  const outcome = await runStep(task, { wait: 'look', begin: (spanMs) => get(task, next, spanMs) });
  return concludeStep(outcome, (result) => noteLook(task, result));
}

function get(task: TaskRun, next: PollStep, spanMs: number | undefined): Promise<GetResult> {
  return askJob(task, stepOf(toPollSummary(task.state), spanMs, next.profile));
}

/** Asks the connector how the current attempt's job stands. */
export function askJob(task: TaskRun, step: StepOptions): Promise<GetResult> {
  return getActivity(task.input.routing, step)(toGetInput(task));
}

function toGetInput(task: TaskRun): GetInput {
  const { state, input, notBefore } = task;
  const { meta = {}, resource, trouble } = state;
  const {
    externalId = '',
    submittedAt = state.startedAt,
    repairedAt = submittedAt,
  } = state.attempts[state.attempt - 1] ?? {};
  const deadlineAt = activeDeadlines(input.policy, state)[0]?.at;
  return {
    ...callOf(task),
    meta,
    seen: { phase: resource.phase, linkUris: (resource.logLinks ?? []).map((link) => link.uri), meta },
    submittedAt: repairedAt,
    policy: input.policy,
    externalId,
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(trouble === undefined ? {} : { trouble }),
    ...(notBefore === undefined ? {} : { notBefore }),
  };
}

function noteLook(task: TaskRun, result: GetResult): TaskEnd | undefined {
  task.notBefore = Date.now() + task.input.policy.pollMinMs;
  switch (result.kind) {
    case 'changed':
      return note(task, result);
    case 'trouble':
      task.state = { ...task.state, trouble: result.trouble };
      publish(task, { code: result.trouble.code });
      return undefined;
    case 'gaveUp': {
      task.state = { ...task.state, trouble: result.trouble };
      const { code, message, since } = result.trouble;
      const text = `out of reach since ${new Date(since).toISOString()} (${message}); the job was left alone and may still run`;
      return failedEnd(code, text, 'leave');
    }
    default:
      return result satisfies never;
  }
}
