import { leftJobAdvice, type TaskStatus } from '../client';
import type { ErrorCode } from '../connector/errors';

const AGAIN = 'again (with the same --id: --again).';
const START_AGAIN = `start it ${AGAIN}`;
const RAISE_DEADLINE = 'it was stopped; raise the deadline in the policy, or give the job more room.';
const LOOK_BEFORE_AGAIN = `look at the workspace whether the work was done, then ${START_AGAIN}`;

/** What a person does next, by code; where nothing is listed, the job's own words say it. */
const ADVICE: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: `check the credentials of the workspace with longhaul doctor, then ${START_AGAIN}`,
  PERMISSION_DENIED: `check the rights named above, then ${START_AGAIN}`,
  CONFIG: 'mend the configuration named above; longhaul doctor checks it.',
  SECRET_UNAVAILABLE: `set the secret where the worker runs, then ${START_AGAIN}`,
  RUN_GONE: LOOK_BEFORE_AGAIN,
  OUTCOME_UNKNOWN: LOOK_BEFORE_AGAIN,
  DEADLINE_QUEUE: RAISE_DEADLINE,
  DEADLINE_START: RAISE_DEADLINE,
  DEADLINE_EXECUTION: RAISE_DEADLINE,
  DEADLINE_OVERALL: RAISE_DEADLINE,
  JOB_CANCELED_EXTERNALLY: `ask who canceled it in the workspace, then ${START_AGAIN}`,
};

export interface AdviceOptions {
  /** The failed parts of its job can be run again in place. */
  readonly canRepair: boolean;
}

export function adviceFor(status: TaskStatus, { canRepair }: AdviceOptions): string {
  const { code = 'INTERNAL', id, externalId, jobMayRun } = status;
  if (jobMayRun === true) return `${leftJobAdvice(status)} Only then ${START_AGAIN}`;
  const known = ADVICE[code];
  if (known !== undefined) return known;
  const repair =
    canRepair && code === 'JOB_FAILED' ? `run only what failed again: longhaul repair ${id}. Or ` : '';
  const again = repair === '' ? START_AGAIN : `start all of it ${AGAIN}`;
  const advice = `mend what the cause above names, then ${repair}${again}`;
  return externalId === undefined ? advice : `${advice} Its whole output: longhaul logs ${id} --page start`;
}
