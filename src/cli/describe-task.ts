import { leftJobAdvice, type TaskOutcome, type TaskStatus } from '../client';
import { firstLine, toDuration, toTable, toTime, toTimeOfDay } from './format';

type Receipt = NonNullable<TaskStatus['receipt']>;
type AttemptRow = Receipt['attempts'][number];

/** One task as lines of `name  value`. */
export function describeTask(status: TaskStatus, taskUrl: string | undefined, now: number): string {
  const { phase, state, canceling } = status;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['task', status.id],
    ['type', status.taskType],
    ['phase', state === 'OPEN' ? phase : `${phase} (${state.toLowerCase().replace('_', ' ')})`],
    ...messageRows(status.message),
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
    ...(row.repairedEnds ?? []).map((end) => `    ${describeRepairedEnd(end)}`),
  ];
  return row.decision === undefined ? lines : [...lines, `    then: ${firstLine(row.decision)}`];
}

/** How the job had ended before it was run again in place. */
export function describeRepairedEnd(end: NonNullable<AttemptRow['repairedEnds']>[number]): string {
  const { phase, decision, message } = end;
  return `repaired after ${phase ?? 'its end'}: ${firstLine(message ?? decision ?? 'no message', 80)}`;
}

/** A job that was started by no request of ours (adopted, or begun by the worker itself) was not sent. */
function sentWords({ posts, externalId }: AttemptRow): string[] {
  if (posts === 0) return externalId === undefined ? ['never sent'] : [];
  return [posts === 1 ? 'sent once' : `sent ${posts} times`];
}

/** Of a repaired job, since its last repair. */
function durationsOf({ submittedAt, repairedAt, runningAt, endedAt }: AttemptRow): string[] {
  const beganAt = repairedAt ?? submittedAt;
  if (beganAt === undefined || endedAt === undefined) return [];
  if (runningAt === undefined) return [`took ${toDuration(endedAt - beganAt)}`];
  return [`waited ${toDuration(runningAt - beganAt)}`, `ran ${toDuration(endedAt - runningAt)}`];
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
