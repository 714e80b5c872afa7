import { apiError } from './api-error';
import { readText, type WireObject, type WireValue } from './wire-json';

const ITEMS_PER_PAGE = 100;

/** A part of a list; the tokens are absent where there is nothing: clients loop while there is one, even an empty one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken?: string;
  readonly prevPageToken?: string;
}

export interface ListPage<T> {
  readonly params: WireObject;
  readonly size: number;
  readonly idOf: (item: T) => string;
}

/**
 * A page of a list that is newest first and grows at its front: its tokens name an item to go on after or before, so
 * that nothing comes twice. @throws ApiError for a token that is not ours
 */
export function listPage<T>(items: readonly T[], { params, size, idOf }: ListPage<T>): Page<T> {
  const token = readToken(params);
  const [, direction, id] = /^(next|prev)-(\d+)$/.exec(token ?? '') ?? [];
  if (token !== undefined && id === undefined) throw badToken(params);
  const indexWhere = (accept: (id: bigint) => boolean): number => {
    const index = items.findIndex((item) => accept(BigInt(idOf(item))));
    return index < 0 ? items.length : index;
  };
  const edge = BigInt(id ?? 0);
  const after = direction === 'next' ? indexWhere((one) => one < edge) : 0;
  const before = direction === 'prev' ? indexWhere((one) => one <= edge) : after + size;
  const start = Math.max(after, before - size);
  const shown = items.slice(start, before);
  return { items: shown, ...neighbors(items, shown, { start, idOf }) };
}

interface Shown<T> {
  readonly start: number;
  readonly idOf: (item: T) => string;
}

function neighbors<T>(
  items: readonly T[],
  shown: readonly T[],
  { start, idOf }: Shown<T>,
): Omit<Page<T>, 'items'> {
  const [first, last] = [shown[0], shown.at(-1)];
  const isMore = start + shown.length < items.length;
  return {
    ...(last !== undefined && isMore ? { nextPageToken: toToken(`next-${idOf(last)}`) } : {}),
    ...(first !== undefined && start > 0 ? { prevPageToken: toToken(`prev-${idOf(first)}`) } : {}),
  };
}

/**
 * API 2.2 pages all arrays of a job or a run together, 100 items of each at a time. Arrays that have nothing on this page
 * are left out.
 */
export function pageArrays(arrays: WireObject, params: WireObject): { fields: WireObject; more: WireObject } {
  const start = readStart(params);
  const end = start + ITEMS_PER_PAGE;
  const pages = Object.entries(arrays).map(
    ([field, value]) =>
      [field, Array.isArray(value) ? (value as readonly WireValue[]).slice(start, end) : []] as const,
  );
  const isMore = Object.values(arrays).some((value) => Array.isArray(value) && value.length > end);
  return {
    fields: Object.fromEntries(
      pages.map(([field, items]) => [field, items.length === 0 ? undefined : items]),
    ),
    more: isMore ? { has_more: true, next_page_token: toToken(`from-${end}`) } : {},
  };
}

/** As `pageArrays`, the first page of an item in a list: to read on, one gets the item. */
export function firstOfArrays(arrays: WireObject): WireObject {
  const { fields, more } = pageArrays(arrays, {});
  return { ...fields, ...(more['has_more'] === undefined ? {} : { has_more: true }) };
}

export function tokenFields({ nextPageToken, prevPageToken }: Page<unknown>): WireObject {
  return { next_page_token: nextPageToken, prev_page_token: prevPageToken };
}

/** Empty lists are left out of list answers. */
export function listField(field: string, items: readonly WireValue[]): WireObject {
  return items.length === 0 ? {} : { [field]: items };
}

function readStart(params: WireObject): number {
  const token = readToken(params);
  const start = /^from-(\d+)$/.exec(token ?? '')?.[1];
  if (token !== undefined && start === undefined) throw badToken(params);
  return Number(start ?? 0);
}

/** What is inside a page token; an empty token counts as none. */
function readToken(params: WireObject): string | undefined {
  const token = readText(params, 'page_token');
  return token === undefined || token === '' ? undefined : Buffer.from(token, 'base64url').toString('utf8');
}

function toToken(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

function badToken(params: WireObject): Error {
  return apiError('INVALID_PARAMETER_VALUE', `Invalid page token: ${readText(params, 'page_token') ?? ''}`);
}
