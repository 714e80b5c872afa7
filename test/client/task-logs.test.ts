import { endWithTask, receiptEvents, toEventsPage } from '../../src/client/task-logs';
import type { TaskEvent } from '../../src/client/task-events';
import type { TaskReceipt } from '../../workflows/task-input';

const sourcesOf = (history: readonly TaskEvent[], receipt?: TaskReceipt) => ({
  history,
  receipt: receiptEvents(history, receipt),
});

function told(history: readonly TaskEvent[], receipt: TaskReceipt): string[] {
  return toEventsPage(sourcesOf(history, receipt), {}).lines.map((line) => line.replace(/^\S+ /, ''));
}

const AT_END = { lines: ['a'], truncated: false, nextPageToken: 't', atEnd: true };

describe('the token at the end of a log', () => {
  it('is kept while the task is open, because more may come', () => {
    expect(endWithTask(AT_END, 'OPEN')).toEqual(AT_END);
  });

  it('goes when the task had closed before the log was read, because nothing more comes', () => {
    expect(endWithTask(AT_END, 'FAILED')).toEqual({ lines: ['a'], truncated: false });
  });

  it('stays where there is more to read already', () => {
    const middle = { lines: ['a'], truncated: false, nextPageToken: 't' };
    expect(endWithTask(middle, 'COMPLETED')).toEqual(middle);
  });
});

describe('a page of events', () => {
  const events = Array.from({ length: 5 }, (_, at) => ({ at: at * 1_000, text: `event ${at}` }));

  it('is the last ones, with their time', () => {
    expect(toEventsPage(sourcesOf(events), { limit: 1 })).toMatchObject({
      lines: ['1970-01-01T00:00:04.000Z event 4'],
      atEnd: true,
    });
  });

  it('leads to the next one and on to what happens later', () => {
    const first = toEventsPage(sourcesOf(events), { pageToken: 'start', limit: 3 });
    expect(first.atEnd).toBeUndefined();
    const second = toEventsPage(sourcesOf(events), { pageToken: first.nextPageToken ?? '', limit: 3 });
    expect(second).toMatchObject({ atEnd: true });
    expect(second.lines).toHaveLength(2);
    const later = [...events, { at: 9_000, text: 'later' }];
    expect(toEventsPage(sourcesOf(later), { pageToken: second.nextPageToken ?? '' }).lines).toEqual([
      '1970-01-01T00:00:09.000Z later',
    ]);
  });

  it('refuses a token of another source', () => {
    expect(() => toEventsPage(sourcesOf(events), { pageToken: 'o1_1' })).toThrow(
      expect.objectContaining({ code: 'INVALID_TASK' }) as Error,
    );
  });
});

it('what is known only later is told once all the same, and nothing twice', () => {
  const history = [
    { at: 1, text: 'one' },
    { at: 5, text: 'FAILED' },
  ];
  const attempts = [{ attempt: 1, token: 't', posts: 1, endedAt: 5, decision: 'fail: its own code' }];
  const open = toEventsPage(sourcesOf(history), { pageToken: 'start' });
  const ended = sourcesOf([...history, { at: 9, text: 'closed' }], { attempts });
  const rest = toEventsPage(ended, { pageToken: open.nextPageToken ?? '', limit: 1 });
  const last = toEventsPage(ended, { pageToken: rest.nextPageToken ?? '' });
  expect([open, rest, last].map(({ lines }) => lines.map((line) => line.slice(25)))).toEqual([
    ['one', 'FAILED'],
    ['attempt 1: then fail: its own code'],
    ['closed'],
  ]);
  expect(told([...history, { at: 9, text: 'closed' }], { attempts })).toHaveLength(4);
});

it('decisions of the receipt stand among the events at their time', () => {
  const events = [
    { at: 1, text: 'one' },
    { at: 9, text: 'nine' },
  ];
  const attempts = [
    { attempt: 1, token: 't', posts: 1, endedAt: 5, decision: 'retry: platform' },
    { attempt: 2, token: 't', posts: 1 },
  ];
  expect(told(events, { attempts })).toEqual(['one', 'attempt 1: then retry: platform', 'nine']);
});

describe('of a task that was opened again', () => {
  const repairedEnds = [
    { endedAt: 5, phase: 'FAILED', message: 'sum: KeyError', decision: 'fail: its own code' },
  ];
  const attempts = [
    {
      attempt: 1,
      token: 't',
      posts: 1,
      externalId: '7',
      submittedAt: 1,
      endedAt: 20,
      repairedEnds,
      phase: 'SUCCEEDED',
    },
  ];
  const texts = (firstAt: number): string[] => told([{ at: firstAt, text: 'first' }], { attempts });

  it('what was decided before a repair stands among the events too', () => {
    expect(texts(0)).toEqual(['first', 'attempt 1: then fail: its own code']);
  });

  it('the receipt tells what happened before the first event that is kept', () => {
    expect(texts(10)).toEqual([
      'attempt 1 · run 7',
      'attempt 1 · FAILED: sum: KeyError',
      'attempt 1: then fail: its own code',
      'first',
    ]);
  });
});
