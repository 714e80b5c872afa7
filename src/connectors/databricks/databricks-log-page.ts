import { shorten } from '../../connector';

const DEFAULT_LIMIT = 1_000;
/** A page crosses gRPC and Temporal, which take 2 MB at most; longer lines are cut, longer pages end early. */
const LONGEST_LINE = 8_192;
const LARGEST_PAGE = 1_000_000;

/** `pageToken` that asks for the beginning; later tokens are opaque. */
export const FIRST_PAGE = 'start';

/** A page being filled. */
export interface PageBuilder {
  readonly lines: readonly string[];
  /** Takes the line, unless the page is full. */
  add(line: string): boolean;
  isFull(): boolean;
}

export function createPage(limit: number): PageBuilder {
  const lines: string[] = [];
  let size = 0;
  let refused = false;
  return {
    lines,
    add: (line) => {
      refused = lines.length >= limit || (lines.length > 0 && size + line.length > LARGEST_PAGE);
      if (refused) return false;
      lines.push(line);
      size += line.length;
      return true;
    },
    isFull: () => refused || lines.length >= limit,
  };
}

export function toLimit(limit: number | undefined): number {
  return Math.max(1, Math.trunc(limit ?? DEFAULT_LIMIT));
}

/** The last lines, as many as a page takes. */
export function lastWithin(lines: readonly string[], limit: number): string[] {
  const last = lines.slice(-limit);
  let size = 0;
  const start = last.findLastIndex((line) => (size += line.length) > LARGEST_PAGE);
  return last.slice(start + 1);
}

export function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

export function cutLine(line: string): string {
  return shorten(line, LONGEST_LINE);
}
