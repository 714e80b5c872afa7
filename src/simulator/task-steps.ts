import { stepAttempt } from './attempt-steps';
import { stepForEach } from './for-each';
import { decidesTheEnd } from './outcomes';
import { stepRunJob } from './run-job';
import { outcomeFor, type Step } from './step';

/** Moves an attempt by one phase if that is due; tasks made of other runs step those. Returns whether anything moved. */
export function stepTask(step: Step): boolean {
  const { attempt, task } = step;
  if (attempt.phase !== 'RUNNING' || decidesTheEnd(outcomeFor(step))) return stepAttempt(step);
  if (task.body['for_each_task'] !== undefined) return stepForEach(step, stepTask);
  return task.body['run_job_task'] === undefined ? stepAttempt(step) : stepRunJob(step);
}
