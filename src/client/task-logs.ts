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
const EVENTS_TOKEN = /^e(\d{1,9})$/;

/** A page of events: the last ones without a token, else from the token on. @throws INVALID_TASK for a foreign token. */
export function toEventsPage(events: readonly TaskEvent[], request: TaskLogsRequest): LogsPage {
  const limit = Math.max(1, Math.trunc(request.limit ?? DEFAULT_LIMIT));
  const start =
    request.pageToken === undefined ? Math.max(0, events.length - limit) : parsePlace(request.pageToken);
  const end = Math.min(events.length, start + limit);
  return {
    lines: events.slice(start, end).map(({ at, text }) => `${new Date(at).toISOString()} ${text}`),
    truncated: false,
    nextPageToken: `e${Math.max(start, end)}`,
    ...(end >= events.length ? { atEnd: true } : {}),
  };
}

function parsePlace(token: string): number {
  if (token === FIRST_PAGE) return 0;
  const place = EVENTS_TOKEN.exec(token)?.[1];
  if (place !== undefined) return Number(place);
  throw invalidTask(
    'pageToken',
    `must be ${FIRST_PAGE} or a token of an earlier page of the same source`,
    token,
  );
}

/**
 * What the receipt alone tells is put among the events by its time: what was decided after each attempt and before each
 * repair, and what happened before the first event, where an older run's history is not kept any more.
 */
export function withDecisions(events: readonly TaskEvent[], receipt: TaskReceipt | undefined): TaskEvent[] {
  const attempts = receipt?.attempts ?? [];
  const firstAt = events[0]?.at ?? 0;
  const past = attempts.flatMap(pastOf).filter(({ at }) => at < firstAt);
  return [...past, ...events, ...attempts.flatMap(decisionsOf)].sort((a, b) => a.at - b.at);
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
