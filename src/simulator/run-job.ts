import { finish } from './attempt-steps';
import { badDefinition, timedOut } from './endings';
import { isActive, type Ending, type Run } from './model';
import { endKind } from './run-if';
import type { Step } from './step';
import { stopAttempt } from './stops';
import { parametersOf } from './task-parameters';
import { readObject, type WireObject } from './wire-json';

/** Databricks: run-job tasks may be nested three deep. */
const MAX_DEPTH = 3;

/** Starts a run of the named job and ends as that does; stopping the task cancels that run. */
export function stepRunJob(step: Step): boolean {
  const { attempt, context } = step;
  if (attempt.childRunId === undefined) return startChild(step);
  const child = context.findRun(attempt.childRunId);
  const { stop } = attempt;
  if (child === undefined) return finish(step, stop?.ending ?? gone(attempt.childRunId), context.now);
  if (!isActive(child)) {
    return finish(step, stop?.ending ?? endingOfChild(child), child.endedAt ?? context.now);
  }
  stopIfDue(step, child);
  return false;
}

function startChild(step: Step): boolean {
  const { run, task, attempt, context } = step;
  const startedAt = attempt.executionAt ?? context.now;
  if (attempt.stop !== undefined) return finish(step, attempt.stop.ending, attempt.stop.at);
  if (depthOf(run, step) >= MAX_DEPTH) {
    return finish(
      step,
      badDefinition(`Run-job tasks cannot be nested more than ${MAX_DEPTH} deep.`),
      startedAt,
    );
  }
  try {
    attempt.childRunId = context.startChild(step, requestOf(step)).runId;
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return finish(
      step,
      { ...badDefinition(`Task ${task.key}: ${reason}`), code: 'RESOURCE_NOT_FOUND' },
      startedAt,
    );
  }
}

/** The task's own fields are those of run-now. */
function requestOf({ run, task, attempt }: Step): WireObject {
  const scope = { run, attempt };
  return { ...readObject(task.body, 'run_job_task'), ...parametersOf('run_job_task', task, scope) };
}

function depthOf({ parent }: Run, step: Step): number {
  const outer = parent === undefined ? undefined : step.context.findRun(parent.runId);
  return outer === undefined ? 0 : 1 + depthOf(outer, step);
}

function stopIfDue({ attempt, task, context }: Step, child: Run): void {
  const timeoutAt = (attempt.startedAt ?? attempt.createdAt) + task.timeoutMs;
  if (task.timeoutMs > 0 && context.isDue(timeoutAt)) {
    stopAttempt(attempt, timedOut(task.timeoutMs), timeoutAt);
  }
  if (attempt.stop !== undefined) context.cancelRun(child, attempt.stop.at);
}

function endingOfChild({ ending, runId }: Run): Ending {
  if (ending === undefined) return gone(runId);
  if (endKind(ending) === 'succeeded') return ending;
  return {
    ...ending,
    lifeCycle: 'TERMINATED',
    message: `Run ${runId} of the job did not succeed: ${ending.message}`,
  };
}

function gone(runId: string): Ending {
  return {
    ...badDefinition(`Run ${runId}, which the task started, was deleted.`),
    code: 'RESOURCE_NOT_FOUND',
  };
}
