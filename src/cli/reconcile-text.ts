import type { Finding, ReconcileReport } from '../../activities';
import { firstLine, toTable, toTime } from './format';

/** What the reconciliation was asked with: the advice names the same runs again. */
export interface Asked {
  /** In milliseconds. */
  readonly since?: number;
  readonly workspace?: string;
  readonly foreign?: boolean;
}

const REASON_WIDTH = 110;

/** A report for people: its rows, what they come to, and what to do now. */
export function describeReconciliation(report: ReconcileReport, asked: Asked): string {
  const { findings, found, unread } = report;
  const rows = findings.map(toRow);
  const head = ['TASK', 'RUN', 'STATE', 'SINCE', 'DONE'];
  const table = toTable([head, ...rows.map(({ cells }) => cells)]).split('\n');
  const shown = [
    ...table.slice(0, 1),
    ...table.slice(1).flatMap((line, index) => [line, `  ${rows[index]?.note ?? ''}`]),
  ];
  return [
    ...(rows.length === 0 ? [] : [...shown, '']),
    ...(found > findings.length ? [`… and ${found - findings.length} more.`] : []),
    summaryOf(report),
    ...unread.map(({ place, reason }) => `${place} could not be asked: ${firstLine(reason, REASON_WIDTH)}`),
    ...adviceOf(report, asked),
  ].join('\n');
}

function toRow({ taskId, externalId, state, phase, since, closed, done, note }: Finding): {
  cells: string[];
  note: string;
} {
  const how = closed === undefined ? 'started' : closed.toLowerCase().replace('_', ' ');
  const seen = state === 'ACTIVE' ? (phase ?? state) : state;
  const cells = [taskId ?? '–', externalId ?? '–', seen, `${toTime(since)} ${how}`, done];
  // Never cut: a command stands at its end.
  return { cells, note: firstLine(note) };
}

function summaryOf({ closedTasks, markedJobs, since, found, handled, left }: ReconcileReport): string {
  const looked = `${closedTasks} closed tasks since ${toTime(since)} and ${markedJobs} active runs with our mark looked at`;
  if (found === 0) return `Nothing is left over: ${looked}.`;
  return `${found} left over${handled === 0 ? '' : `, ${handled} taken up`}, ${left} to be done: ${looked}.`;
}

function adviceOf({ action, left, findings }: ReconcileReport, asked: Asked): string[] {
  if (left === 0 || action !== 'report') return [];
  if (asked.foreign === true) return [commandsFor(asked)];
  const hasForeign = findings.some(({ kind }) => kind === 'foreign');
  const hasOwn = findings.some(({ kind }) => kind === 'task');
  return [
    ...(hasOwn || !hasForeign ? [commandsFor(asked)] : []),
    ...(hasForeign ? [FOREIGN, commandsFor({ ...asked, foreign: true })] : []),
  ];
}

const FOREIGN =
  'Runs that are unknown to this namespace are touched with --foreign only: look first whether they are yours.';

function commandsFor({ since, workspace, foreign }: Asked): string {
  const command = [
    'longhaul reconcile',
    ...(since === undefined ? [] : [`--since ${toSpan(since)}`]),
    ...(workspace === undefined ? [] : [`--workspace ${workspace}`]),
    ...(foreign === true ? ['--foreign'] : []),
  ].join(' ');
  return `Stop them with: ${command} --action cancel   Follow them with: ${command} --action adopt`;
}

const SPANS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** As `--since` takes it. */
function toSpan(ms: number): string {
  const [unit, unitMs] = SPANS.find(([, each]) => ms % each === 0) ?? ['s', 1_000];
  return `${ms / unitMs}${unit}`;
}
