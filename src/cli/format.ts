import { shorten } from '../connector/text';

/** Columns padded to their widest cell. */
export function toTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `1 task`, `2 tasks`. */
export function toCount(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** `1:05`, `2:03:04`: how long something took or takes. */
export function toClock(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor((seconds % 3600) / 60),
    seconds % 60,
  ];
  const tail = `${String(minutes).padStart(hours > 0 ? 2 : 1, '0')}:${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}

const SECOND_MS = 1_000;

/** `0.4 s`, `12 s`, `1:05 min`, `2:03:04 h`: short durations keep their tenths. */
export function toDuration(ms: number): string {
  if (ms < 10 * SECOND_MS) return `${(Math.max(0, ms) / SECOND_MS).toFixed(1)} s`;
  if (ms < 60 * SECOND_MS) return `${Math.round(ms / SECOND_MS)} s`;
  return `${toClock(ms)} ${ms < 3600 * SECOND_MS ? 'min' : 'h'}`;
}

/** The reader's own time of day, `14:30:05`. */
export function toTimeOfDay(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}

/** The reader's own date and time, `2026-11-21 14:30:05`. Machines get epoch milliseconds instead. */
export function toTime(at: number | undefined): string {
  if (at === undefined) return '–';
  const date = new Date(at);
  const [month, day] = [date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0'));
  return `${date.getFullYear()}-${month ?? ''}-${day ?? ''} ${toTimeOfDay(at)}`;
}

/** The time of day within twelve hours; else with the date. */
export function toNearTime(at: number, now: number): string {
  return Math.abs(at - now) < 12 * 3600 * SECOND_MS ? toTimeOfDay(at) : toTime(at);
}

/** The first line of a text, cut to `width` characters. */
export function firstLine(text: string | undefined, width = Number.POSITIVE_INFINITY): string {
  const line = (text ?? '').split('\n')[0] ?? '';
  return shorten(line, width);
}
