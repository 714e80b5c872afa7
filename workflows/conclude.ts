import type { Verdict } from '../src/connector/observation';
import { failedEnd, type TaskEnd } from './task-end';
import type { TaskRun } from './task-run';
import { boundDecision, planNextAttempt, type FailedVerdict } from './task-state';
import { repairJob } from './repair';

/** Applies what was decided about a job that is over: the end of the task, or nothing when the task goes on. */
export async function concludeOrRepair(task: TaskRun, verdict: Verdict): Promise<TaskEnd | undefined> {
  if (verdict.kind === 'succeeded') return { kind: 'succeeded' };
  const decision = boundDecision(task.input, task.state, verdict);
  if (decision.action === 'repair') return repairJob(task, verdict, decision);
  return conclude(task, verdict);
}

/** As {@link concludeOrRepair}, where there is no job to repair. */
export function conclude(task: TaskRun, verdict: FailedVerdict, message?: string): TaskEnd | undefined {
  const decision = boundDecision(task.input, task.state, verdict);
  task.state = planNextAttempt(task.state, decision, Date.now());
  if (decision.action !== 'fail') return undefined;
  const text = message ?? task.state.resource.message ?? verdict.code;
  return failedEnd(verdict.code, text, 'leave', verdict.cause);
}
