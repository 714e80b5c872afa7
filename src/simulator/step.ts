import type { JobFailureShape } from './endings';
import type { Attempt, Run, TaskSpec } from './model';
import { outcomeOf, type Outcome, type OutcomeRule } from './outcomes';
import type { PythonRunner } from './python-runner';
import type { WireObject } from './wire-json';

/** How long the phases last, in simulated milliseconds. */
export interface Timing {
  readonly pendingMs: number;
  readonly runMs: number;
  readonly terminatingMs: number;
  /** A cancel is only taken note of; it takes effect so much later. */
  readonly cancelDelayMs: number;
  /** From TERM to KILL. */
  readonly killAfterMs: number;
}

/** What steps may ask and do beyond the run they step. */
export interface StepContext {
  readonly now: number;
  /** Has this time come? If not, the run is stepped again when it has. */
  readonly isDue: (at: number) => boolean;
  /** When to look at a program again that tells nobody of its end. */
  readonly nextPollAt: number;
  /** Before another try to step: what was asked of `isDue` so far does not count. */
  readonly forgetDues: () => void;
  readonly timing: Timing;
  readonly outcomes: readonly OutcomeRule[];
  readonly python: PythonRunner;
  readonly failureShape: JobFailureShape;
  readonly newId: () => string;
  /** Starts a run of a saved job for a run-job task. @throws ApiError for a job that does not exist */
  readonly startChild: (step: Step, request: WireObject) => Run;
  readonly findRun: (runId: string) => Run | undefined;
  readonly cancelRun: (run: Run, at: number) => void;
}

/** One attempt about to be moved, iterations included. */
export interface Step {
  readonly run: Run;
  readonly task: TaskSpec;
  readonly attempt: Attempt;
  readonly context: StepContext;
}

export function outcomeFor({ run, attempt, context }: Step): Outcome | undefined {
  return outcomeOf(context.outcomes, run, attempt);
}
