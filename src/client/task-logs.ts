import type { LogsPage, LogsRequest, LogSource } from '../connector/connector';
import { invalidTask } from '../connector/errors';
import type { AttemptReceipt, TaskReceipt } from '../../workflows/task-input';
import type { TaskEvent } from './task-events';
import type { TaskState } from './task-status';

/** As {@link LogsRequest}; `events` is what happened to the task itself, from its history. */
export interface TaskLogsRequest extends Omit<LogsRequest, 'source'> {
  readonly source?: LogSource | 'events';
}

/**
 * A token at the end of a log is good for what is yet to come. Of a task that had closed before its log was read,
 * nothing is: the page was the last one.
 */
export function endWithTask(page: LogsPage, state: TaskState): LogsPage {
  if (state === 'OPEN' || page.atEnd !== true) return page;
  const { lines, truncated } = page;
  return { lines, truncated };
}

const DEFAULT_LIMIT = 1_000;
const FIRST_PAGE = 'start';
const EVENTS_TOKEN = /^e(\d{1,9})(?:\.(\d{1,9}))?$/;

/** Of two sources: each grows at its end only, but the receipt is not there before the job has ended. */
export interface EventSources {
  readonly history: readonly TaskEvent[];
  /** What the receipt alone tells: {@link receiptEvents}. */
  readonly receipt: readonly TaskEvent[];
}

/** So many of each source were told before this page. */
type Place = Readonly<Record<keyof EventSources, number>>;

/**
 * A page of events by their time: the last ones without a token, else what was not told before the token, so that each
 * is told once, however late it became known. @throws INVALID_TASK for a foreign token.
 */
export function toEventsPage(sources: EventSources, request: TaskLogsRequest): LogsPage {
  const limit = Math.max(1, Math.trunc(request.limit ?? DEFAULT_LIMIT));
  const { pageToken } = request;
  const place = pageToken === undefined ? START : parsePlace(pageToken);
  const rest = inOrder(sources, place);
  const skipped = pageToken === undefined ? Math.max(0, rest.length - limit) : 0;
  const end = Math.min(rest.length, skipped + limit);
  const told = rest.slice(0, end);
  const count = (source: keyof EventSources): number =>
    place[source] + told.filter((one) => one.source === source).length;
  return {
    lines: told.slice(skipped).map(({ at, text }) => `${new Date(at).toISOString()} ${text}`),
    truncated: false,
    nextPageToken: `e${count('history')}.${count('receipt')}`,
    ...(end >= rest.length ? { atEnd: true } : {}),
  };
}

const START: Place = { history: 0, receipt: 0 };

/** At the same time the history comes first: what was decided follows from it. */
function inOrder(
  { history, receipt }: EventSources,
  place: Place,
): (TaskEvent & { readonly source: keyof EventSources })[] {
  return [
    ...history.slice(place.history).map((event) => ({ ...event, source: 'history' as const })),
    ...receipt.slice(place.receipt).map((event) => ({ ...event, source: 'receipt' as const })),
  ].sort((a, b) => a.at - b.at);
}

function parsePlace(token: string): Place {
  if (token === FIRST_PAGE) return START;
  const [, history, receipt = '0'] = EVENTS_TOKEN.exec(token) ?? [];
  if (history !== undefined) return { history: Number(history), receipt: Number(receipt) };
  throw invalidTask(
    'pageToken',
    `must be ${FIRST_PAGE} or a token of an earlier page of the same source`,
    token,
  );
}

/**
 * What the receipt alone tells, by its time: what was decided after each attempt and before each repair, and what
 * happened before the first event, where an older run's history is not kept any more.
 */
export function receiptEvents(
  history: readonly TaskEvent[],
  receipt: TaskReceipt | undefined,
): readonly TaskEvent[] {
  const attempts = receipt?.attempts ?? [];
  const firstAt = history[0]?.at ?? 0;
  const past = attempts.flatMap(pastOf).filter(({ at }) => at < firstAt);
  return [...past, ...attempts.flatMap(decisionsOf)].sort((a, b) => a.at - b.at);
}

function decisionsOf(row: AttemptReceipt): TaskEvent[] {
  return [...(row.repairedEnds ?? []), row].flatMap(({ decision, endedAt }) =>
    decision === undefined || endedAt === undefined
      ? []
      : [{ at: endedAt, text: `attempt ${row.attempt}: then ${decision}` }],
  );
}

/** An attempt as its receipt remembers it: when it was sent, and each of its ends. */
function pastOf(row: AttemptReceipt): TaskEvent[] {
  const { attempt, submittedAt, externalId, repairedEnds = [] } = row;
  const sent = externalId === undefined ? 'submitting' : `run ${externalId}`;
  const ends = [...repairedEnds, row].flatMap(({ endedAt, phase = 'ended', message = '' }) => {
    const words = message.split('\n')[0] ?? '';
    const text = `attempt ${attempt} · ${phase}${words === '' ? '' : `: ${words}`}`;
    return endedAt === undefined ? [] : [{ at: endedAt, text }];
  });
  return submittedAt === undefined
    ? ends
    : [{ at: submittedAt, text: `attempt ${attempt} · ${sent}` }, ...ends];
}
