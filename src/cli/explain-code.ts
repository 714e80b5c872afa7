import { isInRepairWindow, type TaskStatus } from '../client';
import { ERROR_TABLE, isErrorCode, type ErrorCode } from '../connector/errors';
import type { TaskPolicy } from '../connector/task-policy';
import type { FailureExplanation } from '../connectors/databricks';
import { failureOrMessage } from './describe-task';
import { firstLine } from './format';

/** What a task says of its own ends; older tasks say nothing. */
type EndPolicy = Partial<Pick<TaskPolicy, 'onGone' | 'onUnknown'>>;
type Part = Omit<FailureExplanation, 'subject'>;

const NO_ATTEMPT = 'no further attempt';

/** Ends that the task itself decides, whatever the job says; what is not listed ends the task as it is. */
const OWN_ENDS: Partial<Record<ErrorCode, Partial<Part>>> = {
  CANCELED: { cause: 'user' },
  DEADLINE_QUEUE: { cause: 'user', decidedBy: 'the deadlines of the policy' },
  DEADLINE_START: { cause: 'user', decidedBy: 'the deadlines of the policy' },
  DEADLINE_EXECUTION: { cause: 'user', decidedBy: 'the deadlines of the policy' },
  DEADLINE_OVERALL: { cause: 'user', decidedBy: 'the deadlines of the policy' },
  JOB_FAILED: { decidedBy: 'what the job says: explain its run, its code or its task' },
  INTERNAL: { cause: 'platform' },
};

/** Explains a code of Longhaul, as tasks end with it; nothing for any other name. Pure. */
export function explainCode(name: string, policy?: EndPolicy): FailureExplanation[] {
  if (!isErrorCode(name)) return [];
  const choices = CHOICES[name];
  if (choices === undefined) return [toExplanation(name, {})];
  if (policy !== undefined) return [toExplanation(name, choices(policy))];
  const again = choices({ onGone: 'resubmit', onUnknown: 'retry' });
  return [
    toExplanation(name, choices({})),
    { ...toExplanation(name, again), when: `with ${again.decidedBy ?? 'a policy'}` },
  ];
}

/** Ends that the policy may turn into another attempt. */
const CHOICES: Partial<Record<ErrorCode, (policy: EndPolicy) => Partial<Part>>> = {
  RUN_GONE: ({ onGone = 'fail' }) => chosen(`onGone: ${onGone}`, onGone === 'resubmit'),
  OUTCOME_UNKNOWN: ({ onUnknown = 'fail' }) => chosen(`onUnknown: ${onUnknown}`, onUnknown === 'retry'),
};

function chosen(decidedBy: string, isAgain: boolean): Partial<Part> {
  return isAgain ? { action: 'retry', decidedBy, next: 'a new run of the same body' } : { decidedBy };
}

function toExplanation(code: ErrorCode, more: Partial<Part>): FailureExplanation {
  return {
    subject: `error ${code}`,
    cause: 'unknown',
    action: 'fail',
    reason: ERROR_TABLE[code].meaning,
    decidedBy: 'longhaul',
    next: NO_ATTEMPT,
    ...OWN_ENDS[code],
    ...more,
  };
}

/** Explains how a task stands where its job's own words are not what decided; undefined for one that is well. */
export function explainStatus(status: TaskStatus, policy: EndPolicy): FailureExplanation | undefined {
  const { id, code, cause = 'unknown' } = status;
  if (code === undefined) return undefined;
  const reason = firstLine(failureOrMessage(status) ?? ERROR_TABLE[code].meaning);
  const subject = `task ${id}: ${code}`;
  if (isInRepairWindow(status)) {
    const next = `the same run, by longhaul repair ${id}; without it the task ends FAILED`;
    return { subject, cause, action: 'wait', reason, decidedBy: 'repairWindow', next };
  }
  if (status.state === 'OPEN') {
    const next = 'it is tried again by itself, until a deadline passes';
    return { subject, cause, action: 'wait', reason, decidedBy: 'longhaul', next };
  }
  const [usual = toExplanation(code, {})] = explainCode(code, policy);
  return { ...usual, subject, reason, action: 'fail', next: NO_ATTEMPT };
}
