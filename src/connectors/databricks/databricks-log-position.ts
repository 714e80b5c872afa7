import { invalidTask } from '../../connector';
import { FIRST_PAGE } from './databricks-log-page';

/** How far the output of one task run was read: some lines, or all that there will ever be. */
export type TaskPosition =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'open';
      readonly line: number;
      /** Of the lines before, to find the place again where the other side has dropped the first ones. */
      readonly mark: string;
    };

/** By task run id; what is not in it was not read yet. Tasks run side by side, so each has a place of its own. */
export type LogPosition = ReadonlyMap<string, TaskPosition>;

const PREFIX = 'o1';
const ENTRY = /^([0-9a-z]{1,13})(?:\.([0-9a-z]{1,7})\.([0-9a-z]{0,7}))?$/;

/** Text of letters, digits, `_` and `.`; a run of a thousand tasks makes about ten kilobytes. */
export function toPageToken(position: LogPosition): string {
  const entries = [...position].map(([runId, at]) => {
    const id = BigInt(runId).toString(36);
    return at.kind === 'done' ? id : `${id}.${at.line.toString(36)}.${at.mark}`;
  });
  return [PREFIX, ...entries].join('_');
}

/** @throws INVALID_TASK for a token that is not ours. */
export function parsePageToken(token: string): LogPosition {
  if (token === FIRST_PAGE) return new Map();
  const [prefix, ...entries] = token.split('_');
  if (prefix !== PREFIX) throw foreignToken(token);
  return new Map(entries.map((entry) => parseEntry(entry, token)));
}

function parseEntry(entry: string, token: string): [string, TaskPosition] {
  const [, id, line, mark = ''] = ENTRY.exec(entry) ?? [];
  if (id === undefined) throw foreignToken(token);
  const runId = fromBase36(id).toString();
  return [
    runId,
    line === undefined ? { kind: 'done' } : { kind: 'open', line: Number.parseInt(line, 36), mark },
  ];
}

function fromBase36(text: string): bigint {
  return Array.from(text).reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
}

export function foreignToken(token: string): Error {
  return invalidTask(
    'pageToken',
    `must be ${FIRST_PAGE} or a token of an earlier page of the same source`,
    token,
  );
}

/** Enough to tell a place from its neighbors in a log that repeats itself. */
const MARKED_LINES = 3;

/** FNV-1a over the last lines before a place: told from others, not kept secret. */
export function markOf(lines: readonly string[], line: number): string {
  let hash = 0x811c9dc5;
  for (const char of lines.slice(Math.max(0, line - MARKED_LINES), line).join('\n')) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash.toString(36);
}

/** Where reading goes on: at the line, or, where the first lines have gone since, behind what was read last. */
export function resumeAt(lines: readonly string[], position: TaskPosition | undefined): number {
  if (position?.kind !== 'open') return 0;
  const { line, mark } = position;
  if (line <= lines.length && markOf(lines, line) === mark) return line;
  for (let place = lines.length; place > 0; place -= 1) if (markOf(lines, place) === mark) return place;
  return 0;
}
