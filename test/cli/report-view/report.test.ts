import type { TaskReport } from '../../../src/client';
import { toReportHtml } from '../../../src/cli/report-view/report-html';
import { toReportText } from '../../../src/cli/report-view/report-text';
import { toTimeline } from '../../../src/cli/report-view/timeline';

const T = 1_763_733_600_000;

function reportOf(more: Partial<TaskReport> = {}): TaskReport {
  return {
    status: {
      ...{ id: 'nightly', runId: 'r', taskType: 'databricks v0', state: 'FAILED', phase: 'FAILED' },
      ...{ links: [{ name: 'Databricks Console', uri: 'https://example.invalid/#job/1' }], attempt: 2 },
      ...{ externalId: '20', code: 'JOB_FAILED', startedAt: T, closedAt: T + 60_000, historyLength: 40 },
    },
    receipt: {
      attempts: [
        {
          ...{ attempt: 1, token: 'lh-x-1', posts: 2, externalId: '10', phase: 'RETRYABLE_FAILED' },
          ...{
            submittedAt: T,
            runningAt: T + 5_000,
            endedAt: T + 15_000,
            decision: 'retry: trouble of the platform',
          },
        },
        {
          attempt: 2,
          token: 'lh-x-2',
          posts: 1,
          externalId: '20',
          phase: 'FAILED',
          decision: 'fail: its own code failed',
        },
      ],
    },
    metrics: [
      metric('load', {
        setupMs: 1_000,
        executionMs: 2_000,
        cleanupMs: 500,
        startedAt: T + 20_000,
        endedAt: T + 23_500,
      }),
      metric('check', { phase: 'FAILED', executionMs: 4_000, startedAt: T + 24_000, endedAt: T + 28_000 }),
      { name: 'publish', attempt: 0, phase: 'SKIPPED', repair: 0 },
      metric('check', {
        attempt: 1,
        repair: 1,
        executionMs: 3_000,
        startedAt: T + 40_000,
        endedAt: T + 43_000,
      }),
      { name: 'publish', attempt: 1, phase: 'RUNNING', repair: 1, setupMs: 1_000, startedAt: T + 43_000 },
    ],
    causes: [
      {
        task: 'check',
        externalId: '22',
        code: 'RUN_EXECUTION_ERROR',
        error: 'KeyError: date',
        trace: 'line 1\nline 2',
      },
    ],
    healed: [],
    skipped: 1,
    madeAt: T + 50_000,
    ...more,
  };
}

function metric(name: string, more: Partial<TaskReport['metrics'][number]>): TaskReport['metrics'][number] {
  return { name, attempt: 0, phase: 'SUCCEEDED', repair: 0, ...more };
}

const text = (report: TaskReport): string =>
  toReportText(report, { paint: (_, words) => words, columns: 100 });
const page = (report: TaskReport): string => toReportHtml(report, { version: '1.2.3' });

describe('the timeline', () => {
  it('has the attempts of the task; of the last one the tasks of its job, its repairs apart', () => {
    const [first, second] = toTimeline(reportOf());
    expect(first?.sections.map(({ title }) => title)).toEqual(['as a whole']);
    expect(first?.sections[0]?.rows[0]?.spans).toEqual([
      { kind: 'queue', from: T, to: T + 5_000 },
      { kind: 'run', from: T + 5_000, to: T + 15_000 },
    ]);
    expect(second?.sections.map(({ title, rows }) => [title, rows.map(({ label }) => label)])).toEqual([
      ['as started', ['load', 'check', 'publish']],
      ['repair 1', ['check #1', 'publish #1']],
    ]);
  });

  it('splits a bar as it was measured, and gives the rest of a running one to its run', () => {
    const rows = toTimeline(reportOf())[1]?.sections.flatMap((section) => section.rows) ?? [];
    expect(rows[0]?.spans.map(({ kind, from, to }) => [kind, to - from])).toEqual([
      ['setup', 1_000],
      ['run', 2_000],
      ['cleanup', 500],
    ]);
    expect(rows[4]).toMatchObject({ label: 'publish #1', durationMs: 7_000 });
    expect(rows[4]?.spans.at(-1)).toMatchObject({ kind: 'run', to: T + 50_000 });
  });

  it('has no bar for what was skipped', () => {
    const rows = toTimeline(reportOf())[1]?.sections[0]?.rows ?? [];
    expect(rows[2]).toEqual({ label: 'publish', phase: 'skipped', spans: [] });
  });
});

describe('the report for a terminal', () => {
  it('says first why the task failed, then shows where the time went and what was decided', () => {
    const lines = text(reportOf()).split('\n');
    const order = [
      '1. check: KeyError: date',
      '1 task was skipped',
      'attempt 1',
      'then retry',
      'attempt 2',
      'repair 1',
      'then fail',
    ];
    const places = order.map((words) => lines.findIndex((line) => line.includes(words)));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('keeps to the width it is given', () => {
    for (const line of text(reportOf()).split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('says that the tasks of the job could not be read, and why', () => {
    expect(text(reportOf({ metrics: [], metricsMissing: 'No worker answers' }))).toContain(
      'No worker answers',
    );
  });

  it('says that a repair began after the task had closed', () => {
    const metrics = [metric('a', { repair: 1, startedAt: T + 70_000, endedAt: T + 71_000 })];
    expect(text(reportOf({ metrics, madeAt: T + 90_000 }))).toContain(
      'Repair 1 began from outside after this task had closed',
    );
    expect(text(reportOf())).not.toContain('began from outside');
  });
});

describe('the report as a page', () => {
  it('needs nothing from anywhere and runs no script', () => {
    const markup = page(reportOf());
    expect(markup).not.toMatch(/<script|<link|<img|@import|url\(/i);
    expect(markup).toContain("default-src 'none'");
  });

  it('shows hostile names and messages as they are', () => {
    const hostile = '"><img src=x onerror=alert(1)><script>alert(1)</script>&amp;\u202Egnp';
    const markup = page(
      reportOf({
        status: { ...reportOf().status, id: hostile, links: [{ name: hostile, uri: 'javascript:alert(1)' }] },
        metrics: [metric(hostile, { startedAt: T, endedAt: T + 1 })],
        causes: [{ task: hostile, error: hostile, trace: hostile, code: hostile }],
        metricsMissing: hostile,
      }),
    );
    expect(markup).not.toMatch(/<img|<script|onerror=alert\(1\)>[^&]*<script|href="javascript|\u202E/i);
    expect(markup).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;');
    expect(markup).toContain('&amp;amp;');
  });

  it('tells in words what its bars show', () => {
    expect(page(reportOf())).toContain('aria-label="setup 1.0 s, run 2.0 s, cleanup 0.5 s"');
  });

  it('opens no link but to a web page', () => {
    expect(page(reportOf())).toContain(
      '<a href="https://example.invalid/#job/1" rel="noreferrer">Databricks Console</a>',
    );
  });
});

it('of a task that a repair has healed, both say why it had failed', () => {
  const healed = [{ error: 'sum: KeyError <date>', externalId: '20' }];
  const report = reportOf({ causes: [], healed });
  expect(text(report)).toMatch(
    /Why it had failed before its repair\n {2}1\. sum: KeyError <date>\n {5}run 20\n/,
  );
  expect(page(report)).toContain('<strong>sum: KeyError &lt;date&gt;</strong>');
});

it('the wait of the whole run has a bar of its own in front', () => {
  const queue = metric('(run)', { phase: 'QUEUED', startedAt: T, endedAt: T + 9_000, queueMs: 9_000 });
  const report = reportOf({ metrics: [queue, ...reportOf().metrics] });
  const row = toTimeline(report)[1]?.sections[0]?.rows[0];
  expect(row).toMatchObject({
    label: '(run)',
    spans: [{ kind: 'queue', from: T, to: T + 9_000 }],
    durationMs: 9_000,
  });
  expect(text(report)).toMatch(/\(run\) +·+ +QUEUED +9\.0 s/);
  expect(page(report)).toContain('aria-label="queue 9.0 s"');
});

describe('of a task that waits for a repair', () => {
  const message = 'failed; waiting for a repair until 2026-11-22T02:42:48.830Z: KeyError: date';
  const { closedAt: _closed, ...ended } = reportOf().status;
  const attempts = [{ attempt: 1, token: 'lh-x-1', posts: 1, externalId: '20', endedAt: T + 30_000 }];
  const report = reportOf({ status: { ...ended, state: 'OPEN', message }, receipt: { attempts } });

  it('both say what it waits for, its causes, and when it failed in the place of its age', () => {
    for (const words of [text(report), page(report)]) {
      expect(words).toMatch(/until [-\d: ]+ for: longhaul repair nightly/);
      expect(words).toContain('Why it failed');
      expect(words).toContain('after 30 s');
      expect(words).not.toContain('waiting for a repair until');
    }
  });
});

it('how many more tasks had failed before a repair is said behind the first', () => {
  const healed = [{ error: 'sum: KeyError', externalId: '20', more: '1 more task failed' }];
  const report = reportOf({ causes: [], healed });
  expect(text(report)).toContain('run 20 · 1 more task failed');
  expect(page(report)).toContain('run 20 · 1 more task failed');
});

it('words of any length break in the page, in causes and below the attempts', () => {
  expect(page(reportOf())).toMatch(/li, \.then, \.soft \{ overflow-wrap: anywhere; \}/);
});
