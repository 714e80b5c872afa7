import type { Observed } from '../src/connector/activity-contract';
import type { NextStep } from '../src/connector/observation';
import { executeActivity } from './activity-proxies';
import { callOf, stepOf } from './calls';
import { concludeGone, isResubmitted } from './conclude';
import { note } from './note';
import { concludeStep, runStep } from './steps';
import type { TaskEnd } from './task-end';
import type { TaskRun } from './task-run';
import { toPollSummary } from './task-view';

type ExecuteStep = Extract<NextStep, { kind: 'execute' }>;

/** Runs the connector's long, heartbeating step: a trigger, a whole operator. */
export async function execute(task: TaskRun, next: ExecuteStep): Promise<TaskEnd | undefined> {
  const outcome = await runStep(task, { begin: (spanMs) => begin(task, next, spanMs) });
  if (outcome.kind === 'failed' && isResubmitted(task, outcome.failure.code)) {
    return concludeGone(task, outcome.failure.message);
  }
  return concludeStep(outcome, (seen) => note(task, seen));
}

function begin(task: TaskRun, next: ExecuteStep, spanMs: number | undefined): Promise<Observed> {
  const step = stepOf(toPollSummary(task.state), spanMs, next.profile);
  return executeActivity(task.input.routing, step)({ ...callOf(task), meta: task.state.meta ?? {} });
}
