import { leftJobAdvice, type TaskCause, type TaskReport } from '../../client';
import { describeCanceling, describeRepairWait, endWord } from '../describe-task';
import { firstLine, toDuration, toTime, toTimeOfDay } from '../format';
import { toneOf } from '../style';
import { html, link, trusted, type Html } from './html';
import { REPORT_STYLE } from './report-style';
import { describeSince } from './since';
import {
  describeLaterRepairs,
  toTimeline,
  type Span,
  type TimelineAttempt,
  type TimelineRow,
  type TimelineSection,
} from './timeline';

export interface HtmlOptions {
  /** The task's page in the Temporal UI. */
  readonly taskUrl?: string | undefined;
  readonly version: string;
}

/** A report as one page that needs nothing else: no script, no network. */
export function toReportHtml(report: TaskReport, options: HtmlOptions): string {
  const { status, madeAt } = report;
  const word = wordOf(report);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${word} · ${status.id}</title>
        <style>
          ${trusted(REPORT_STYLE)}
        </style>
      </head>
      <body>
        <main>
          ${headOf(report, word, options)} ${causesOf(report)} ${timelineOf(report)} ${receiptOf(report)}
          <footer>Longhaul ${options.version} · made ${toTime(madeAt)}, times of day in ${zone()}</footer>
        </main>
      </body>
    </html> `;
  return page.markup;
}

function wordOf({ status }: TaskReport): string {
  return status.state === 'OPEN' ? status.phase : endWord({ status });
}

function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function headOf(report: TaskReport, word: string, { taskUrl }: HtmlOptions): Html {
  const { status, madeAt, causes } = report;
  const wait = describeRepairWait(status, madeAt);
  const links = [
    ...status.links.map(({ name, uri }) => link(uri, name)),
    ...(taskUrl === undefined ? [] : [link(taskUrl, 'Temporal UI')]),
  ];
  const facts: readonly (readonly [string, Html | undefined])[] = [
    ['type', html`${status.taskType}`],
    [
      'job',
      status.externalId === undefined ? undefined : html`<span class="mono">${status.externalId}</span>`,
    ],
    ['started', html`${toTime(status.startedAt)}`],
    ['ended', status.closedAt === undefined ? undefined : html`${toTime(status.closedAt)}`],
    [
      'message',
      status.message === undefined || causes.length > 0 ? undefined : html`${firstLine(status.message)}`,
    ],
    ['what now', status.jobMayRun === true ? html`${leftJobAdvice(status)}` : undefined],
    ['waits', wait === undefined ? undefined : html`${wait}`],
    ['code', status.code === undefined ? undefined : html`<code>${status.code}</code>`],
    ['pages', links.length === 0 ? undefined : html`${separated(links)}`],
  ];
  const rows = facts.flatMap(([name, value]) =>
    value === undefined
      ? []
      : [
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
        ],
  );
  return html`<header>
    <div class="head">
      <h1>${status.id}</h1>
      <span class="word ${toneOf(word)}">${word}</span>
      <span class="soft">${describeSince(report)}</span>
    </div>
    <dl>${rows}</dl>
  </header>`;
}

function separated(links: readonly Html[]): readonly Html[] {
  return links.flatMap((one, index) => (index === 0 ? [one] : [html` · `, one]));
}

function causesOf({ causes, healed, skipped }: TaskReport): Html {
  if (healed.length > 0) return healedOf(healed);
  if (causes.length === 0) return html``;
  const followed = skipped === 1 ? '1 task was' : `${skipped} tasks were`;
  return html`<section class="why" aria-labelledby="why">
    <h2 id="why">Why it failed</h2>
    <ol>
      ${causes.map(causeOf)}
    </ol>
    ${skipped === 0 ? undefined : html`<p class="soft">${followed} skipped because of that.</p>`}
  </section>`;
}

function healedOf(healed: TaskReport['healed']): Html {
  return html`<section aria-labelledby="healed">
    <h2 id="healed">Why it had failed before its repair</h2>
    <ol>
      ${healed.map(causeOf)}
    </ol>
  </section>`;
}

function causeOf({ task, error, code, type, externalId, trace, more }: TaskCause): Html {
  const facts = [code, type, externalId === undefined ? undefined : `run ${externalId}`, more]
    .filter(Boolean)
    .join(' · ');
  return html`<li>
    ${task === undefined ? undefined : html`<span class="mono">${task}</span>: `}<strong>${error}</strong>
    ${facts === '' ? undefined : html`<div class="soft">${facts}</div>`}
    ${
      trace === undefined
        ? undefined
        : html`<details>
            <summary>trace</summary>
            <pre>${trace}</pre>
          </details>`
    }
  </li>`;
}

const LEGEND = [
  ['queue', 'queue'],
  ['setup', 'setup'],
  ['run', 'run'],
  ['cleanup', 'cleanup'],
] as const;

function timelineOf(report: TaskReport): Html {
  const attempts = toTimeline(report);
  const missing =
    report.metricsMissing === undefined
      ? undefined
      : html`<p class="soft">The job's own tasks could not be read: ${report.metricsMissing}</p>`;
  if (attempts.length === 0) return html`${missing}`;
  const later = describeLaterRepairs(report);
  const legend = LEGEND.map(([kind, word]) => html`<li><i class="${kind}"></i>${word}</li>`);
  return html`<section aria-labelledby="timeline">
    <h2 id="timeline">Timeline</h2>
    <ul class="legend">
      ${legend}
      <li><i style="background:var(--run-bad)"></i>run that failed</li>
    </ul>
    ${missing}${attempts.map(attemptOf)}${later === undefined ? undefined : html`<p>${later}</p>`}
  </section>`;
}

function attemptOf(one: TimelineAttempt): Html {
  const { attempt, externalId, phase, posts, repairedEnds, decision, sections } = one;
  const facts = [
    externalId === undefined ? 'no job' : `run ${externalId}`,
    ...(phase === undefined ? [] : [phase]),
    ...(posts === undefined ? [] : [posts === 1 ? 'sent once' : `sent ${posts} times`]),
  ];
  return html`<h3>Attempt ${attempt} <span>· ${facts.join(' · ')}</span></h3>
    ${sections.map(sectionOf)} ${repairedEnds.map((words) => html`<p class="then">${words}</p>`)}
    ${decision === undefined ? undefined : html`<p class="then">then ${decision}</p>`}`;
}

function sectionOf(section: TimelineSection): Html {
  const { title, from, to, rows } = section;
  const when = from === 0 ? '' : `, ${toTimeOfDay(from)} to ${toTimeOfDay(to)}, ${toDuration(to - from)}`;
  return html`<table class="timeline">
    <thead>
      <tr>
        <th scope="col">${title}${when}</th>
        <th scope="col">${from === 0 ? undefined : axisOf(to - from)}</th>
        <th scope="col" class="phase"></th>
        <th scope="col" class="took"></th>
      </tr>
    </thead>
    <tbody>
      ${rows.map((row) => rowOf(row, section))}
    </tbody>
  </table>`;
}

function axisOf(durationMs: number): Html {
  return html`<div class="axis">
    <span>0</span><span>${toDuration(durationMs / 2)}</span><span>${toDuration(durationMs)}</span>
  </div>`;
}

function rowOf(row: TimelineRow, section: TimelineSection): Html {
  const tone = toneOf(row.phase);
  const took = row.durationMs === undefined ? '' : toDuration(row.durationMs);
  return html`<tr class="${tone === 'bad' ? 'failed' : ''}">
    <th scope="row">${row.label}</th>
    <td>
      <div class="track" role="img" aria-label="${describeSpans(row)}">
        ${row.spans.map((span) => spanOf(span, section))}
      </div>
    </td>
    <td class="phase ${row.spans.length === 0 ? 'soft' : tone}">${row.phase}</td>
    <td class="took">${took}</td>
  </tr>`;
}

function spanOf({ kind, from, to }: Span, section: TimelineSection): Html {
  const whole = Math.max(1, section.to - section.from);
  const percent = (ms: number): string => `${((ms / whole) * 100).toFixed(3)}%`;
  const place = `left:${percent(from - section.from)};width:${percent(to - from)}`;
  return html`<i class="${kind}" style="${place}" title="${kind} ${toDuration(to - from)}"></i>`;
}

/** For those who do not see the bar. */
function describeSpans({ spans, phase }: TimelineRow): string {
  if (spans.length === 0) return phase;
  return spans.map(({ kind, from, to }) => `${kind} ${toDuration(to - from)}`).join(', ');
}

function receiptOf({ receipt: { attempts, cancel } }: TaskReport): Html {
  if (attempts.length === 0) return html``;
  const rows = attempts.map(
    ({ attempt, externalId, token, posts, repairs }) =>
      html`<tr>
        <td>${attempt}</td>
        <td class="mono">${externalId ?? '–'}</td>
        <td class="mono">${token}</td>
        <td>${posts}</td>
        <td>${repairs ?? 0}</td>
      </tr>`,
  );
  const canceled = cancel === undefined ? undefined : html`<p>Cancel asked ${describeCanceling(cancel)}.</p>`;
  return html`<section aria-labelledby="receipt">
    <h2 id="receipt">Receipt</h2>
    <table>
      <thead>
        <tr>
          <th scope="col">attempt</th>
          <th scope="col">run</th>
          <th scope="col">token</th>
          <th scope="col">sent</th>
          <th scope="col">repairs</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    ${canceled}
  </section>`;
}
