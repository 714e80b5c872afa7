import type { TaskReport } from '../../client';
import type { TaskMetric } from '../../connector/connector';
import { describeRepairedEnds } from '../describe-task';

/** Where the time of a bar went. */
export type SpanKind = 'queue' | 'setup' | 'run' | 'cleanup';

export interface Span {
  readonly kind: SpanKind;
  /** Epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

/** One attempt of one task of a job, or an attempt of which nothing but its beginning and end is known. */
export interface TimelineRow {
  readonly label: string;
  readonly phase: string;
  readonly spans: readonly Span[];
  /** From beginning to end, or to now; undefined for what never ran. */
  readonly durationMs?: number;
}

/** What was started together: a job, or a repair of it. Each has a time axis of its own. */
export interface TimelineSection {
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly rows: readonly TimelineRow[];
}

type ReceiptRow = TaskReport['receipt']['attempts'][number];

/** An attempt of the task itself: one job. */
export interface TimelineAttempt {
  readonly attempt: number;
  readonly externalId?: string;
  readonly phase?: string;
  /** Requests that may have started it; absent where no receipt tells. */
  readonly posts?: number;
  /** How the job had ended before each repair, in their order. */
  readonly repairedEnds: readonly string[];
  readonly decision?: string;
  readonly sections: readonly TimelineSection[];
}

/** The attempts of a task in their order; the tasks of the last one are known one by one. */
export function toTimeline(report: TaskReport): TimelineAttempt[] {
  const { receipt, status } = report;
  const rows: readonly ReceiptRow[] =
    receipt.attempts.length > 0 || report.metrics.length === 0 ? receipt.attempts : [openAttempt(report)];
  return rows.map((row) => {
    const isLast = row === rows.at(-1);
    const known = isLast && report.metrics.length > 0;
    return {
      attempt: row.attempt,
      ...(row.externalId === undefined ? {} : { externalId: row.externalId }),
      ...(row.phase === undefined ? {} : { phase: isLast ? status.phase : row.phase }),
      ...(row.token === '' ? {} : { posts: row.posts }),
      repairedEnds: describeRepairedEnds(row),
      ...(row.decision === undefined ? {} : { decision: row.decision }),
      sections: known ? toSections(report) : toOwnSection(row, report.madeAt),
    };
  });
}

/** An open task has no receipt yet. */
function openAttempt({ status }: TaskReport): ReceiptRow {
  const { attempt, externalId, phase } = status;
  return { attempt, token: '', posts: 1, phase, ...(externalId === undefined ? {} : { externalId }) };
}

function toSections({ metrics, madeAt }: TaskReport): TimelineSection[] {
  const numbers = [...new Set(metrics.map(({ repair }) => repair ?? 0))].sort((a, b) => a - b);
  return numbers.map((number) => {
    const members = metrics.filter(({ repair }) => (repair ?? 0) === number);
    const title = number === 0 ? 'as started' : `repair ${number}`;
    const rows = members.map((metric) => toRow(metric, madeAt));
    // What never ran has no place in time: it comes last.
    const started = rows.filter(({ spans }) => spans.length > 0);
    return toSection(title, [...started, ...rows.filter(({ spans }) => spans.length === 0)]);
  });
}

function toOwnSection(row: ReceiptRow, now: number): TimelineSection[] {
  const { submittedAt, runningAt, repairedAt, endedAt = now, phase = 'QUEUED', externalId } = row;
  // Of a repaired job only its last part is known, and a whole bar would show waiting as running.
  if (submittedAt === undefined || repairedAt !== undefined) return [];
  const queue: Span[] = [{ kind: 'queue', from: submittedAt, to: runningAt ?? endedAt }];
  const run: Span[] = runningAt === undefined ? [] : [{ kind: 'run', from: runningAt, to: endedAt }];
  const label = externalId === undefined ? 'job' : `run ${externalId}`;
  const spans = [...queue, ...run];
  return [toSection('as a whole', [{ label, phase, spans, durationMs: endedAt - submittedAt }])];
}

function toSection(title: string, rows: readonly TimelineRow[]): TimelineSection {
  const spans = rows.flatMap((row) => row.spans);
  const from = Math.min(...spans.map((span) => span.from));
  const to = Math.max(...spans.map((span) => span.to));
  return spans.length === 0 ? { title, from: 0, to: 0, rows } : { title, from, to, rows };
}

const WAITING_PHASES: ReadonlySet<string> = new Set(['QUEUED', 'WAITING_FOR_RESOURCES']);

function toRow(metric: TaskMetric, now: number): TimelineRow {
  const { name, attempt, startedAt } = metric;
  const label = attempt === 0 ? name : `${name} #${attempt}`;
  const isWaiting = metric.endedAt === undefined && WAITING_PHASES.has(metric.phase);
  const phase = isWaiting ? 'waiting' : metric.phase.replace('SKIPPED', 'skipped');
  const spans = startedAt === undefined || isWaiting ? [] : spansOf(metric, startedAt, now);
  const [first] = spans;
  const last = spans.at(-1);
  if (first === undefined || last === undefined) return { label, phase, spans: [] };
  return { label, phase, spans, durationMs: last.to - first.from };
}

/** The measured parts one behind the other; what is left to the end, or to now, is what it is doing. */
function spansOf(metric: TaskMetric, startedAt: number, now: number): Span[] {
  const { queueMs = 0, setupMs = 0, executionMs = 0, cleanupMs = 0, endedAt } = metric;
  const parts: readonly (readonly [SpanKind, number])[] = [
    ['queue', queueMs],
    ['setup', setupMs],
    ['run', executionMs],
    ['cleanup', cleanupMs],
  ];
  const spans: Span[] = [];
  let at = startedAt;
  for (const [kind, ms] of parts) {
    if (ms > 0) spans.push({ kind, from: at, to: at + ms });
    at += Math.max(0, ms);
  }
  const end = endedAt ?? now;
  if (end > at) spans.push({ kind: restKind(metric), from: at, to: end });
  return spans;
}

function restKind({ phase, endedAt, executionMs = 0 }: TaskMetric): SpanKind {
  if (endedAt !== undefined) return executionMs > 0 ? 'cleanup' : 'run';
  return phase === 'INITIALIZING' ? 'setup' : 'run';
}

/** Repairs that began after the task had closed: somebody else's, which the task knows nothing of. */
function laterRepairs({ metrics, status: { closedAt } }: TaskReport): number[] {
  const later = metrics.flatMap(({ repair = 0, startedAt = 0 }) =>
    closedAt !== undefined && repair > 0 && startedAt > closedAt ? [repair] : [],
  );
  return [...new Set(later)].sort((a, b) => a - b);
}

/** Such as `Repair 1 began after this task had closed, from outside: it changed nothing about how the task ended.` */
export function describeLaterRepairs(report: TaskReport): string | undefined {
  const later = laterRepairs(report);
  if (later.length === 0) return undefined;
  const which = later.length === 1 ? `Repair ${later.join('')}` : `Repairs ${later.join(', ')}`;
  return `${which} began from outside after this task had closed: how the task ended stays as it is.`;
}
