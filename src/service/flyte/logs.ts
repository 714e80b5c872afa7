import type { LogsPage } from '../../connector/connector';
import type { LogsQuery } from '../tasks/task-service';

export interface LogEntry {
  /** Without a line end. */
  readonly message: string;
  /** By the name that both versions' `LogLineOriginator` have for it. */
  readonly originator: 'USER' | 'SYSTEM';
}

/** Zero lines means "as many as you like". */
export function toLogsQuery(request: { readonly lines: bigint; readonly token: string }): LogsQuery {
  const limit = Math.min(Number(request.lines), Number.MAX_SAFE_INTEGER);
  return {
    ...(limit === 0 ? {} : { limit }),
    ...(request.token === '' ? {} : { pageToken: request.token }),
  };
}

const KEPT_IN_PART = 'Longhaul: the other side kept only a part of these logs.';
/** Tags, lengths and originator of one line on the wire, rounded up. */
const LINE_OVERHEAD_BYTES = 32;
/** UTF-8 needs at most three bytes for each UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/**
 * A page in portions of at most `maxBytes`, at least one, so that no message hits a receiver's limit (4 MiB by default).
 * A line that is longer than a portion is cut into several. A page of which the other side kept only a part says so in
 * a first line of originator SYSTEM.
 */
export function toLogPortions(page: LogsPage, maxBytes: number): LogEntry[][] {
  const portions: LogEntry[][] = [];
  let portion: LogEntry[] = [];
  let size = 0;
  for (const entry of toEntries(page, maxBytes)) {
    const bytes = Buffer.byteLength(entry.message) + LINE_OVERHEAD_BYTES;
    if (portion.length > 0 && size + bytes > maxBytes) {
      portions.push(portion);
      portion = [];
      size = 0;
    }
    portion.push(entry);
    size += bytes;
  }
  return [...portions, portion];
}

function toEntries({ lines, truncated }: LogsPage, maxBytes: number): LogEntry[] {
  const longest = Math.floor((maxBytes - LINE_OVERHEAD_BYTES) / BYTES_PER_UNIT);
  const entries = lines.flatMap((line) => cut(line, longest).map(toUserEntry));
  return truncated ? [{ message: KEPT_IN_PART, originator: 'SYSTEM' }, ...entries] : entries;
}

function toUserEntry(message: string): LogEntry {
  return { message, originator: 'USER' };
}

function cut(line: string, longest: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (line.length - start > longest) {
    // Half a surrogate pair is no text.
    const end = isHighSurrogate(line, start + longest - 1) ? start + longest - 1 : start + longest;
    pieces.push(line.slice(start, end));
    start = end;
  }
  return [...pieces, line.slice(start)];
}

function isHighSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xd800 && unit <= 0xdbff;
}
