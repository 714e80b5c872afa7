import type { TaskOutcome, TaskStatus } from '../client';
import { ERROR_TABLE, LonghaulError, type ErrorCode } from '../connector/errors';
import { describeTask, toClock, toMachineTask, type Output } from './output';
import type { Session } from './session';

/** Exit code of a command that leaves a task running on purpose. Source: sysexits EX_TEMPFAIL. */
export const EXIT_DETACHED = 75;

const TAIL_LINES = 20;

/** 0 only for SUCCEEDED. */
function exitCodeOf(status: TaskStatus): number {
  if (status.state === 'COMPLETED' && status.phase === 'SUCCEEDED') return 0;
  return ERROR_TABLE[status.code ?? 'INTERNAL'].exitCode;
}

/** Shows how a task ended: on success its output, on failure the first cause on top and what to do. */
export async function reportOutcome(session: Session, id: string, output: Output): Promise<number> {
  const outcome = await session.tasks.wait(id);
  const logs = await tailOf(session, id);
  const taskUrl = session.taskUrl(id);
  const { status, result } = outcome;
  output.result(toText(outcome, logs, taskUrl), {
    ...toMachineTask(status, taskUrl),
    result: result ?? null,
    logs,
  });
  return exitCodeOf(status);
}

/** Logs are a courtesy here: their absence must not hide how the task ended. */
async function tailOf(session: Session, id: string): Promise<readonly string[]> {
  try {
    return (await session.tasks.logs(id, { limit: TAIL_LINES })).lines;
  } catch (error) {
    if (error instanceof LonghaulError) return [];
    throw error;
  }
}

function toText(
  { status, result }: TaskOutcome,
  logs: readonly string[],
  taskUrl: string | undefined,
): string {
  const failed = exitCodeOf(status) !== 0;
  const tail =
    logs.length === 0 ? [] : ['', `last ${logs.length} lines of output:`, ...logs.map((line) => `  ${line}`)];
  const outputs = result?.resource.outputs;
  return [
    ...(failed ? [`${status.phase} (${status.code ?? 'INTERNAL'}): ${status.message ?? ''}`, ''] : []),
    ...(failed
      ? []
      : [`SUCCEEDED in ${toClock((status.closedAt ?? status.startedAt) - status.startedAt)}`, '']),
    describeTask(failed ? withoutMessage(status) : status, taskUrl),
    ...receiptLines(status, result),
    ...(outputs === undefined || Object.keys(outputs).length === 0
      ? []
      : ['', `outputs: ${JSON.stringify(outputs)}`]),
    ...tail,
    ...(failed ? ['', `What now: ${adviceFor(status)}`] : []),
  ].join('\n');
}

function withoutMessage(status: TaskStatus): TaskStatus {
  const { message: _message, ...rest } = status;
  return rest;
}

function receiptLines(status: TaskStatus, result: TaskOutcome['result']): string[] {
  const receipt = result?.receipt ?? status.receipt;
  if (receipt === undefined || receipt.attempts.length === 0) return [];
  const rows = receipt.attempts.map((row) => {
    const posts = `${row.posts} ${row.posts === 1 ? 'POST' : 'POSTs'}`;
    const took =
      row.endedAt === undefined || row.submittedAt === undefined
        ? ''
        : ` in ${toClock(row.endedAt - row.submittedAt)}`;
    const decision = row.decision === undefined ? '' : ` → ${row.decision}`;
    return `  attempt ${row.attempt}: run ${row.externalId ?? '–'} ${row.phase ?? ''}${took}, ${posts}, token ${row.token}${decision}`;
  });
  return ['', 'receipt:', ...rows];
}

const LOOK_AT_LOGS = 'read the cause above and the job’s own page; `longhaul logs ID` has the whole output.';

const START_AGAIN = 'then start it again with --again.';
const RAISE_DEADLINE = 'raise the deadline in the policy or give the job more room; it was stopped.';
const LOOK_BEFORE_AGAIN = `look at the workspace whether the work was done, ${START_AGAIN}`;

/** What a person does next, by code; where nothing is listed, the job's own words say it. */
const ADVICE: Partial<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: `check the credentials of the workspace with \`longhaul doctor\`, ${START_AGAIN}`,
  PERMISSION_DENIED: `check the rights named above, ${START_AGAIN}`,
  CONFIG: 'mend the configuration named above; `longhaul doctor` checks it.',
  SECRET_UNAVAILABLE: `set the secret where the worker runs, ${START_AGAIN}`,
  RUN_GONE: LOOK_BEFORE_AGAIN,
  OUTCOME_UNKNOWN: LOOK_BEFORE_AGAIN,
  CANCEL_UNCONFIRMED: 'the job may still run: look at its page and stop it there.',
  DEADLINE_QUEUE: RAISE_DEADLINE,
  DEADLINE_START: RAISE_DEADLINE,
  DEADLINE_EXECUTION: RAISE_DEADLINE,
  DEADLINE_OVERALL: RAISE_DEADLINE,
  CANCELED: 'nothing runs any more; start it again with --again.',
};

function adviceFor(status: TaskStatus): string {
  return ADVICE[status.code ?? 'INTERNAL'] ?? LOOK_AT_LOGS.replace('ID', status.id);
}
