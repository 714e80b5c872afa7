import type { TaskStatus } from '../client';

/** Where a command speaks: results to standard output, everything else to standard error. */
export interface Output {
  readonly format: OutputFormat;
  /** A person is watching: lines may be redrawn and questions asked. */
  readonly interactive: boolean;
  result(human: string, machine: object): void;
  note(message: string): void;
  /** Redraws the line of progress; nothing where nobody watches. */
  progress(line: string): void;
}

export type OutputFormat = 'human' | 'json';

export function createOutput(format: OutputFormat): Output {
  const interactive = process.stderr.isTTY && process.stdin.isTTY;
  let drawn = false;
  const clear = (): void => {
    if (drawn) process.stderr.write('\r\u001b[2K');
    drawn = false;
  };
  return {
    format,
    interactive,
    result: (human, machine) => {
      clear();
      process.stdout.write(`${format === 'json' ? JSON.stringify(machine, null, 2) : human}\n`);
    },
    note: (message) => {
      clear();
      process.stderr.write(`${message}\n`);
    },
    progress: (line) => {
      if (!interactive) return;
      process.stderr.write(`\r\u001b[2K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
      drawn = true;
    },
  };
}

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

export function toTime(at: number | undefined): string {
  return at === undefined ? '–' : new Date(at).toISOString().replace('T', ' ').slice(0, 19);
}

/** One task as lines of `name value`. */
export function describeTask(status: TaskStatus, taskUrl: string | undefined): string {
  const links = status.links.map((link) => [link.name, link.uri] as const);
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['task', status.id],
    ['type', status.taskType],
    ['phase', status.phase],
    ['state', status.state],
    ['message', status.message],
    ['code', status.code],
    ['job', status.externalId],
    ['attempt', status.attempt > 0 ? String(status.attempt) : undefined],
    ['started', toTime(status.startedAt)],
    ['ended', status.closedAt === undefined ? undefined : toTime(status.closedAt)],
    ['next check', status.nextCheckAt === undefined ? undefined : toTime(status.nextCheckAt)],
    ...links,
    ['Temporal', taskUrl],
  ];
  return toTable(
    rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]])),
  );
}

/** For machines: the task as it is, with its page. */
export function toMachineTask(status: TaskStatus, taskUrl: string | undefined): Record<string, unknown> {
  return { ...status, ...(taskUrl === undefined ? {} : { temporalUrl: taskUrl }) };
}
