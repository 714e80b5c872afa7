import fc from 'fast-check';

import { isTaskPhase, jsonBytes, TASK_PHASES, type Connection, type TaskPhase } from '../../src/connector';
import type { TaskState } from '../../workflows/task-input';
import {
  toMarkdown,
  toPollSummary,
  toReceipt,
  toTaskView,
  VIEW_LIMIT_BYTES,
} from '../../workflows/task-view';
import { INPUT, seen, submitted } from './builders';

const hostileText = fc.oneof(
  fc.string({ maxLength: 50 }),
  fc.string({ unit: 'grapheme', maxLength: 8_000, size: 'max' }),
  fc.integer({ min: 0, max: 9_000 }).map((length) => '語"\\\n'.repeat(length / 4)),
);

const hostileState = fc
  .record({
    phase: fc.constantFrom<TaskPhase>(...TASK_PHASES),
    message: hostileText,
    links: fc.array(fc.record({ name: hostileText, uri: hostileText }), { maxLength: 12 }),
    meta: fc.dictionary(fc.string({ maxLength: 10 }), hostileText, { maxKeys: 8 }),
    externalId: hostileText,
    attempts: fc.integer({ min: 1, max: 100 }),
    reason: fc.string({ unit: 'grapheme', maxLength: 300, size: 'max' }),
    secret: fc.integer({ min: 0, max: 9_000 }),
  })
  .map((parts): TaskState => {
    const attempts = Array.from({ length: parts.attempts }, (_unused, index) => ({
      attempt: index + 1,
      token: `lh-${'0'.repeat(36)}-${index + 1}`,
      posts: 1,
      externalId: parts.externalId,
      message: parts.message.slice(0, 200),
      decision: `retry: ${parts.message}`,
    }));
    return {
      ...submitted(),
      attempt: parts.attempts,
      resource: { phase: parts.phase, message: parts.message, logLinks: parts.links },
      meta: parts.meta,
      attempts,
      cancel: { requestedAt: 1, by: 'ana', reason: parts.reason },
      connection: connectionOf(parts.secret),
    };
  });

function connectionOf(bytes: number): Connection {
  return { secrets: { token: 'x'.repeat(bytes) }, sealedFor: 'task-1', digest: 'digest', sealedAt: 1 };
}

test('the memo stays below 4 KB and keeps its phase, whatever a connector says', () => {
  fc.assert(
    fc.property(hostileState, fc.boolean(), (state, terminal) => {
      const view = toTaskView(state, { now: 1, terminal, code: 'JOB_FAILED' });
      expect(jsonBytes(view)).toBeLessThanOrEqual(VIEW_LIMIT_BYTES);
      expect(isTaskPhase(view.phase)).toBe(true);
      expect(view).toMatchObject({ attempt: state.attempt, updatedAt: 1, code: 'JOB_FAILED' });
      expect(view.connection?.digest).toBe('digest');
    }),
    { numRuns: 200 },
  );
});

test('what fits is shown whole', () => {
  const state = seen(submitted(), 'RUNNING', 5);
  expect(toTaskView(state, { now: 9 })).toEqual({
    phase: 'RUNNING',
    attempt: 1,
    updatedAt: 9,
    meta: { jobId: 'job-1' },
    externalId: 'job-1',
  });
});

test('trouble is said in words, with its beginning', () => {
  const trouble = { code: 'UNAVAILABLE', message: 'refused', since: 0, failures: 9 } as const;
  const view = toTaskView({ ...submitted(), trouble }, { now: 9 });
  expect(view).toMatchObject({ unreachableSince: 0 });
  expect(view.message).toContain('unreachable since 1970-01-01T00:00:00.000Z (UNAVAILABLE: refused)');
});

test('a terminal view carries the last attempts, the result all of them', () => {
  const attempts = Array.from({ length: 8 }, (_unused, index) => ({
    attempt: index + 1,
    token: 't',
    posts: 1,
  }));
  const state = { ...submitted(), attempt: 8, attempts };
  const shown = toTaskView(state, { now: 1, terminal: true }).receipt?.attempts;
  expect(shown?.map((row) => row.attempt)).toEqual([4, 5, 6, 7, 8]);
  expect(toReceipt(state).attempts).toHaveLength(8);
});

test('current details are Markdown: phase, links, a row for each attempt', () => {
  const state = seen(submitted(INPUT), 'RUNNING', 5);
  const links = [{ name: 'Console', uri: 'https://example.invalid/1' }];
  const view = { ...toTaskView(state, { now: 1 }), message: 'well', links };
  expect(toMarkdown(view, state)).toBe(
    [
      '**RUNNING** well',
      '',
      '- [Console](https://example.invalid/1)',
      '',
      '- attempt 1: run job-1, RUNNING, sent 0 times',
    ].join('\n'),
  );
});

test('a message that begins with the phase does not say it twice', () => {
  const state = submitted();
  const view = {
    ...toTaskView(state, { now: 0 }),
    phase: 'RUNNING',
    message: 'RUNNING: 1 of 2 tasks done',
  } as const;
  expect(toMarkdown(view, state)).toMatch(/^\*\*RUNNING\*\*: 1 of 2 tasks done/);
});

test('the timeline reads as the phases of the job', () => {
  expect(toPollSummary(submitted())).toBe('QUEUED');
  const running = seen(submitted(), 'RUNNING', 5);
  expect(toPollSummary(running)).toBe('RUNNING · run job-1');
  const trouble = { code: 'UNAVAILABLE', message: 'no', since: 0, failures: 1 } as const;
  expect(toPollSummary({ ...running, trouble })).toBe('RUNNING · run job-1 · out of reach');
});

test('credentials too large for the memo leave it before the meta does, their digest never', () => {
  const state = { ...submitted(), meta: { jobId: 'job-1' }, connection: connectionOf(9_000) };
  expect(toTaskView(state, { now: 1 })).toMatchObject({
    meta: { jobId: 'job-1' },
    connection: { secrets: {}, digest: 'digest' },
  });
});
