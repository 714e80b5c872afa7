import type { Verdict } from '../src/connector/observation';
import type { ErrorCode } from '../src/connector/errors';
import { repairJob } from './repair';
import { keepForRepair } from './repair-window';
import { isGone, type TaskEnd } from './task-end';
import type { TaskRun } from './task-run';
import { applyDecision, boundDecision, noteAttempt, type FailedVerdict } from './task-state';

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
  task.state = applyDecision(task.input, task.state, { verdict, decision, now: Date.now() });
  if (decision.action !== 'fail') return undefined;
  const text = message ?? task.state.resource.message ?? verdict.code;
  return keepForRepair(task, { code: verdict.code, message: text, cause: verdict.cause });
}

/** Is a step that failed with this code to be followed by another attempt? */
export function isResubmitted({ input }: TaskRun, code: ErrorCode): boolean {
  return isGone(code) && input.policy.onGone === 'resubmit';
}

/** The job of this attempt was deleted, and its token would name it for ever: only another attempt can start one. */
export function concludeGone(task: TaskRun, message: string): TaskEnd | undefined {
  const decision = { action: 'fail', reason: 'the job of this attempt was deleted' } as const;
  task.state = noteAttempt({ ...task.state, mayBeRunning: false }, { endedAt: Date.now() });
  return conclude(task, { kind: 'failed', code: 'RUN_GONE', cause: 'unknown', decision }, message);
}
