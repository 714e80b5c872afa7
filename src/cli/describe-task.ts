import { leftJobAdvice, repairWaitOf, type TaskOutcome, type TaskStatus } from '../client';
import { firstLine, toDuration, toNearTime, toTable, toTime, toTimeOfDay } from './format';

type Receipt = NonNullable<TaskStatus['receipt']>;
type AttemptRow = Receipt['attempts'][number];

/** One task as lines of `name  value`. */
export function describeTask(status: TaskStatus, taskUrl: string | undefined, now: number): string {
  const { phase, state, canceling } = status;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['task', status.id],
    ['type', status.taskType],
    ['phase', state === 'OPEN' ? phase : `${phase} (${state.toLowerCase().replace('_', ' ')})`],
    ...messageRows(failureOrMessage(status)),
    ...repairRows(status, now),
    ['code', status.code],
    ['what now', status.jobMayRun === true ? leftJobAdvice(status) : undefined],
    ['canceling', canceling === undefined ? undefined : `asked ${describeCanceling(canceling)}`],
    ['job', status.externalId],
    ['attempt', status.attempt > 0 ? String(status.attempt) : undefined],
    ['started', toTime(status.startedAt)],
    ['ended', describeEnd(status)],
    ['next check', status.nextCheckAt === undefined ? undefined : nextCheckIn(status.nextCheckAt, now)],
    ...status.links.map((link) => [link.name, link.uri] as const),
    ['Temporal UI', taskUrl],
  ];
  const table = toTable(
    rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]])),
  );
  return [table, ...receiptLines(status.receipt)].join('\n');
}

function repairRows(status: TaskStatus, now: number): (readonly [string, string])[] {
  const wait = describeRepairWait(status, now);
  if (wait === undefined) return [];
  return [
    ['waits', wait],
    ['', `or, repaired elsewhere or not at all: longhaul nudge ${status.id}`],
  ];
}

/** Why it failed, where the task waits for a repair; else what the task says of itself. */
export function failureOrMessage(status: TaskStatus): string | undefined {
  return repairWaitOf(status)?.failure ?? status.message;
}

/** Such as `until 02:42:48 for: longhaul repair nightly`, of a task that waits for a repair. */
export function describeRepairWait(status: TaskStatus, now: number): string | undefined {
  const wait = repairWaitOf(status);
  if (wait === undefined) return undefined;
  const until = wait.until === undefined ? '' : `until ${toNearTime(wait.until, now)} `;
  return `${until}for: longhaul repair ${status.id}`;
}

/** The first line beside the name, the others below it. */
function messageRows(message = ''): (readonly [string, string])[] {
  return message.split('\n').map((line, index) => [index === 0 ? 'message' : '', line] as const);
}

function describeEnd({ closedAt, startedAt }: TaskStatus): string | undefined {
  return closedAt === undefined
    ? undefined
    : `${toTime(closedAt)}, after ${toDuration(closedAt - startedAt)}`;
}

/** `at 14:30:05 by root: too slow`. */
export function describeCanceling(canceling: NonNullable<TaskStatus['canceling']>): string {
  const { requestedAt, by, reason } = canceling;
  const who = by === undefined ? '' : ` by ${by}`;
  return `at ${toTimeOfDay(requestedAt)}${who}${reason === undefined ? '' : `: ${reason}`}`;
}

export function nextCheckIn(nextCheckAt: number, now: number): string {
  return `in ${Math.max(0, Math.round((nextCheckAt - now) / 1000))} s`;
}

/** What was sent and what it started, one line for each attempt. */
export function receiptLines(receipt: Receipt | undefined): string[] {
  if (receipt === undefined || receipt.attempts.length === 0) return [];
  const { cancel } = receipt;
  const stopped = cancel?.stoppedAt === undefined ? '' : `; seen stopped at ${toTimeOfDay(cancel.stoppedAt)}`;
  return [
    '',
    'Receipt',
    ...receipt.attempts.flatMap(attemptLines),
    ...(cancel === undefined ? [] : [`  cancel asked ${describeCanceling(cancel)}${stopped}`]),
  ];
}

function attemptLines(row: AttemptRow): string[] {
  const parts = [
    `run ${row.externalId ?? '–'} ${row.phase ?? ''}`.trimEnd(),
    ...durationsOf(row),
    ...sentWords(row),
  ];
  const lines = [
    `  attempt ${row.attempt}: ${parts.join(', ')}`,
    `    token ${row.token}`,
    ...describeRepairedEnds(row).map((words) => `    ${words}`),
  ];
  return row.decision === undefined ? lines : [...lines, `    then: ${firstLine(row.decision)}`];
}

/** How the job had ended each time before it was run again in place, and by whom where that is known. */
export function describeRepairedEnds({ repairedEnds = [], repairs = 0 }: AttemptRow): string[] {
  const elsewhere = repairedEnds.length - repairs;
  const how = repairs === 0 ? 'repaired in Databricks' : 'repaired';
  const lines = repairedEnds.map(({ phase, decision, message }) => {
    const why = firstLine(message ?? decision ?? 'no message', 80);
    return `${how} after ${phase ?? 'its end'}: ${why}`;
  });
  if (repairs === 0 || elsewhere <= 0) return lines;
  return [...lines, `${elsewhere} of these repairs ${elsewhere === 1 ? 'was' : 'were'} made in Databricks`];
}

/** A job that was started by no request of ours (adopted, or begun by the worker itself) was not sent. */
function sentWords({ posts, externalId }: AttemptRow): string[] {
  if (posts === 0) return externalId === undefined ? ['never sent'] : [];
  return [posts === 1 ? 'sent once' : `sent ${posts} times`];
}

function durationsOf(row: AttemptRow): string[] {
  const { submittedAt, repairedAt, runningAt, endedAt } = row;
  if (endedAt === undefined) return [];
  if (repairedAt !== undefined) return lastRepairOf(row, endedAt);
  if (submittedAt === undefined) return [];
  if (runningAt === undefined) return [`took ${toDuration(endedAt - submittedAt)}`];
  return [`waited ${toDuration(runningAt - submittedAt)}`, `ran ${toDuration(endedAt - runningAt)}`];
}

/** Nobody knows when a repair in Databricks began; one that was only seen ended tells nothing of its time. */
function lastRepairOf(row: AttemptRow, endedAt: number): string[] {
  const { repairedAt = endedAt, runningAt, repairs = 0, repairedEnds = [] } = row;
  if (runningAt === undefined) return [];
  const isOurs = repairedEnds.length <= repairs;
  return isOurs ? [`the last repair took ${toDuration(endedAt - repairedAt)}`] : [];
}

/** For machines: the task as it is, with its page. */
export function toMachineTask(status: TaskStatus, taskUrl: string | undefined): Record<string, unknown> {
  return { ...status, ...(taskUrl === undefined ? {} : { temporalUrl: taskUrl }) };
}

/** The word a person expects for how a task ended. */
export function endWord({ status }: Pick<TaskOutcome, 'status'>): string {
  switch (status.state) {
    case 'COMPLETED':
      return status.phase;
    case 'CANCELED':
      return 'CANCELED';
    case 'OPEN':
    case 'FAILED':
    case 'TERMINATED':
    case 'TIMED_OUT':
      return 'FAILED';
    default:
      return status.state satisfies never;
  }
}
