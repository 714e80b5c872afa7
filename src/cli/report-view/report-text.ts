import { leftJobAdvice, type TaskCause, type TaskReport } from '../../client';
import { describeRepairWait, endWord } from '../describe-task';
import { firstLine, toDuration, toTime, toTimeOfDay } from '../format';
import { toneOf, type Paint } from '../style';
import { describeSince } from './since';
import {
  describeLaterRepairs,
  toTimeline,
  type Span,
  type SpanKind,
  type TimelineAttempt,
  type TimelineSection,
} from './timeline';

export interface TextOptions {
  readonly paint: Paint;
  /** Characters in a line. */
  readonly columns: number;
}

/** A report for a terminal: what became of the task, why, and where the time went. */
export function toReportText(report: TaskReport, options: TextOptions): string {
  const timeline = toTimeline(report);
  return [
    ...headLines(report, options),
    ...causeLines(report, options),
    ...leftLines(report, options),
    ...(timeline.length === 0 ? [] : ['', `${options.paint('strong', 'Timeline')}   ${legend()}`]),
    ...timeline.flatMap((attempt) => attemptLines(attempt, options)),
    ...laterLines(report),
    ...cancelLines(report),
    ...(report.metricsMissing === undefined
      ? []
      : ['', `The job's own tasks could not be read: ${report.metricsMissing}`]),
  ].join('\n');
}

function headLines(report: TaskReport, { paint }: TextOptions): string[] {
  const { status, madeAt } = report;
  const word = status.state === 'OPEN' ? status.phase : endWord({ status });
  const code = status.code === undefined ? '' : `(${status.code})`;
  const how = [describeSince(report), code].filter((part) => part !== '').join(' ');
  const wait = describeRepairWait(status, madeAt);
  const job = status.externalId === undefined ? '' : ` · run ${status.externalId}`;
  return [
    `${paint('strong', status.id)}   ${paint(toneOf(word), word)} ${how}`.trimEnd(),
    paint('quiet', `${status.taskType} · started ${toTime(status.startedAt)}${job}`),
    ...status.links.map(({ name, uri }) => paint('quiet', `${name}: ${uri}`)),
    ...(wait === undefined ? openWords(status) : [`It waits ${wait}`]),
  ];
}

function openWords({ state, message }: TaskReport['status']): string[] {
  return state === 'OPEN' && message !== undefined ? [firstLine(message)] : [];
}

function causeLines({ causes, healed, skipped }: TaskReport, { paint }: TextOptions): string[] {
  if (healed.length > 0) {
    const lines = healed.flatMap((cause, index) => oneCause(cause, index, paint));
    return ['', paint('strong', 'Why it had failed before its repair'), ...lines];
  }
  if (causes.length === 0) return [];
  const lines = causes.flatMap((cause, index) => oneCause(cause, index, paint));
  const followed = skipped === 1 ? '1 task was' : `${skipped} tasks were`;
  return [
    '',
    paint('strong', 'Why it failed'),
    ...lines,
    ...(skipped === 0 ? [] : [`  ${followed} skipped because of that.`]),
  ];
}

function leftLines({ status }: TaskReport, { paint }: TextOptions): string[] {
  if (status.jobMayRun !== true) return [];
  return ['', `${paint('strong', 'What now:')} ${leftJobAdvice(status)}`];
}

function oneCause({ task, error, code, externalId, more }: TaskCause, index: number, paint: Paint): string[] {
  const where = task === undefined ? '' : `${task}: `;
  const facts = [code, externalId === undefined ? undefined : `run ${externalId}`, more]
    .filter(Boolean)
    .join(' · ');
  return [
    `  ${index + 1}. ${where}${paint('bad', firstLine(error))}`,
    ...(facts === '' ? [] : [paint('quiet', `     ${facts}`)]),
  ];
}

const MARKS: Readonly<Record<SpanKind, string>> = { queue: '·', setup: '░', run: '█', cleanup: '▒' };

function legend(): string {
  return Object.entries(MARKS)
    .map(([kind, mark]) => `${mark} ${kind}`)
    .join('  ');
}

function attemptLines(attempt: TimelineAttempt, options: TextOptions): string[] {
  const { externalId, phase, posts, repairedEnds, decision, sections } = attempt;
  const facts = [
    `attempt ${attempt.attempt}`,
    ...(externalId === undefined ? [] : [`run ${externalId}`]),
    ...(phase === undefined ? [] : [phase]),
    ...(posts === undefined ? [] : [`sent ${posts === 1 ? 'once' : `${posts} times`}`]),
  ];
  return [
    facts.join(' · '),
    ...sections.flatMap((section) => sectionLines(section, options)),
    ...repairedEnds.map((words) => `  ${words}`),
    ...(decision === undefined ? [] : [`  then ${firstLine(decision)}`]),
  ];
}

const LONGEST_LABEL = 28;
/** Beside label and bar: gaps, the phase, the duration. */
const OTHER_COLUMNS = 34;

function sectionLines(section: TimelineSection, { paint, columns }: TextOptions): string[] {
  const { title, from, to, rows } = section;
  const when = from === 0 ? '' : `, ${toTimeOfDay(from)} to ${toTimeOfDay(to)} (${toDuration(to - from)})`;
  const label = Math.min(LONGEST_LABEL, Math.max(...rows.map((row) => row.label.length)));
  const width = Math.max(10, Math.min(60, columns - label - OTHER_COLUMNS));
  return [
    `  ${title}${when}`,
    ...rows.map((row) => {
      const name = firstLine(row.label, LONGEST_LABEL).padEnd(label);
      const took = row.durationMs === undefined ? '' : toDuration(row.durationMs);
      const bar = toBar(row.spans, section, width);
      return `    ${name}  ${paint(toneOf(row.phase), bar)}  ${row.phase.padEnd(16)} ${took}`.trimEnd();
    }),
  ];
}

/** Each cell shows what filled it longest; what there was at all has one cell at least. */
function toBar(spans: readonly Span[], { from, to }: TimelineSection, width: number): string {
  const cells = Array.from({ length: width }, () => ' ');
  const scale = width / Math.max(1, to - from);
  for (const span of spans) {
    const start = Math.min(width - 1, Math.floor((span.from - from) * scale));
    const end = Math.max(start + 1, Math.round((span.to - from) * scale));
    cells.fill(MARKS[span.kind], start, end);
  }
  return cells.join('');
}

function laterLines(report: TaskReport): string[] {
  const words = describeLaterRepairs(report);
  return words === undefined ? [] : ['', words];
}

function cancelLines({ receipt: { cancel } }: TaskReport): string[] {
  if (cancel === undefined) return [];
  const by = cancel.by === undefined ? '' : ` by ${cancel.by}`;
  const reason = cancel.reason === undefined ? '' : `: ${cancel.reason}`;
  const seen = cancel.stoppedAt === undefined ? '' : `; seen stopped at ${toTimeOfDay(cancel.stoppedAt)}`;
  return ['', `Cancel asked at ${toTimeOfDay(cancel.requestedAt)}${by}${reason}${seen}`];
}
