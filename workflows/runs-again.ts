import { CancellationScope, patched } from '@temporalio/workflow';

import type { GetResult, Observed } from '../src/connector/activity-contract';
import { canonicalJson } from '../src/connector/json';
import type { Observation } from '../src/connector/observation';
import { stepOf } from './calls';
import { askJob } from './look';
import { note } from './note';
import { runStep } from './steps';
import { publish, type TaskRun } from './task-run';
import { isConsistent, reopenAttempt } from './task-state';

const LOOKS = 'look-before-going-on';

/** What was decided is not held up for longer than this. */
const LOOK_LIMIT_MS = 120_000;

/**
 * One look at a job that has ended, before what was decided on its end is done: somebody may have repaired it by other
 * means. Then it is followed on, so that no further attempt runs beside it and no end is told that has been mended. A job
 * out of reach is taken to be as it was. Older histories do not look.
 */
export async function runsAgain(task: TaskRun): Promise<boolean> {
  const seen = mayRunAgain(task) ? await lookForNews(task) : undefined;
  if (seen === undefined) return false;
  task.state = reopenAttempt(task.state, Date.now());
  note(task, seen);
  return true;
}

/** A cancel during a pause is for the job too, if somebody has it running again. */
export async function lookBeforeCanceled(task: TaskRun, why: string): Promise<void> {
  if (!mayRunAgain(task) || !patched(LOOKS)) return;
  publish(task, { message: `Canceling: ${why}` });
  await CancellationScope.nonCancellable(() => runsAgain(task));
}

/** After a repair that was refused because somebody else runs the job already: theirs is followed in its place. */
export async function followAnothers(task: TaskRun): Promise<boolean> {
  const seen = await lookForNews(task);
  if (seen !== undefined) note(task, seen);
  return seen !== undefined;
}

async function lookForNews(task: TaskRun): Promise<Observed | undefined> {
  if (!patched(LOOKS)) return undefined;
  const outcome = await runStep(task, { begin: (leftMs) => lookOnce(task, leftMs) });
  if (outcome.kind !== 'ok' || outcome.value.kind !== 'changed') return undefined;
  const { observation } = outcome.value;
  return isConsistent(observation) && isNews(task, observation) ? outcome.value : undefined;
}

function mayRunAgain({ input, state }: TaskRun): boolean {
  return input.routing.repair && state.meta !== undefined && !state.mayBeRunning;
}

function lookOnce(task: TaskRun, leftMs = LOOK_LIMIT_MS): Promise<GetResult> {
  return askJob(task, stepOf('look whether the job runs again', Math.min(leftMs, LOOK_LIMIT_MS)));
}

/** It runs, went through, or has failed again after another repair. */
function isNews({ state }: TaskRun, { next, meta }: Observation): boolean {
  if (next.kind !== 'done' || next.verdict.kind === 'succeeded') return true;
  return canonicalJson(meta) !== canonicalJson(state.meta ?? {});
}
