import { apiError } from './api-error';
import { readText, type WireObject, type WireValue } from './wire-json';

export interface Page<T> {
  readonly items: readonly T[];
  /** Absent on the last page: clients loop while there is one, and an empty string never ends. */
  readonly nextPageToken?: string;
}

export function pageOf<T>(items: readonly T[], start: number, size: number): Page<T> {
  const slice = items.slice(start, start + size);
  const end = start + slice.length;
  return end < items.length ? { items: slice, nextPageToken: toPageToken(String(end)) } : { items: slice };
}

/** A page of a list that grows at its front: the token names the last id given, so that nothing comes twice. */
export function pageAfter<T>(items: readonly T[], options: PageAfter<T>): Page<T> {
  const { cursor, size, idOf } = options;
  const start = cursor === undefined ? 0 : items.findIndex((item) => BigInt(idOf(item)) < BigInt(cursor));
  const rest = start < 0 ? [] : items.slice(start);
  const slice = rest.slice(0, size);
  const last = slice.at(-1);
  return rest.length > size && last !== undefined
    ? { items: slice, nextPageToken: toPageToken(idOf(last)) }
    : { items: slice };
}

export interface PageAfter<T> {
  readonly cursor: string | undefined;
  readonly size: number;
  readonly idOf: (item: T) => string;
}

/** The digits inside a page token; an empty token counts as none. @throws ApiError for a token that is not ours */
export function readPageToken(params: WireObject): string | undefined {
  const token = readText(params, 'page_token');
  if (token === undefined || token === '') return undefined;
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!/^\d+$/.test(text)) throw apiError('INVALID_PARAMETER_VALUE', `Invalid page token: ${token}`);
  return text;
}

export function tokenField(page: Page<unknown>): WireObject {
  return page.nextPageToken === undefined ? {} : { next_page_token: page.nextPageToken };
}

/** Empty lists are left out of list answers. */
export function listField(field: string, items: readonly WireValue[]): WireObject {
  return items.length === 0 ? {} : { [field]: items };
}

function toPageToken(digits: string): string {
  return Buffer.from(digits, 'utf8').toString('base64url');
}
