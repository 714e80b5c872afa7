import { setTimeout as sleep } from 'node:timers/promises';

import type { TaskStatus } from '../client';
import { describeCanceling, describeRepairWait, failureOrMessage, nextCheckIn } from './describe-task';
import { firstLine, toClock, toTimeOfDay } from './format';
import type { LiveSession } from './live-session';
import type { Output } from './output';
import { toneOf } from './style';

export interface FollowOptions {
  readonly id: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** How a follower let go of a task: `detached`, the signal fired and the task goes on. */
export type Followed = 'ended' | 'detached';

/** Looks often at what is young, and less and less at what is long: one look costs Temporal a read. */
const SHORTEST_LOOK_MS = 300;
const LONGEST_LOOK_MS = 2_000;
const LOOKS_PER_AGE = 1 / 60;
const REDRAW_MS = 250;

/** Shows a task until it ends, over restarts of the engine and of Temporal. */
export async function follow(live: LiveSession, options: FollowOptions): Promise<Followed> {
  const shown: Shown = { change: '', links: new Set() };
  for (;;) {
    const task = await live.ask((session) => session.tasks.get(options.id));
    if (task === undefined) return 'detached';
    showChange(task, shown, options.output);
    if (task.state !== 'OPEN') return 'ended';
    await drawFor(lookAfterMs(task, Date.now()), task, options);
  }
}

function lookAfterMs({ startedAt }: TaskStatus, now: number): number {
  return Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, (now - startedAt) * LOOKS_PER_AGE));
}

/** What was told already: nothing is told twice. */
interface Shown {
  change: string;
  readonly links: Set<string>;
}

/** One line per change; the same state in other words is progress, not a change. */
function showChange(task: TaskStatus, shown: Shown, output: Output): void {
  const { phase, attempt, code, canceling, state } = task;
  const change = [phase, attempt, code, canceling?.requestedAt, state].join('|');
  const isNew = change !== shown.change;
  Object.assign(shown, { change });
  if (isNew && (state === 'OPEN' || !output.interactive)) output.note(changeLine(task, output));
  for (const link of task.links) {
    if (shown.links.has(link.uri)) continue;
    shown.links.add(link.uri);
    output.note(`          ${output.notePaint('quiet', `${link.name}: ${link.uri}`)}`);
  }
}

function changeLine(task: TaskStatus, { notePaint }: Output): string {
  const { canceling, state, phase } = task;
  const time = notePaint('quiet', toTimeOfDay(Date.now()));
  if (canceling !== undefined && state === 'OPEN') {
    return `${time}  ${notePaint('busy', 'CANCELING'.padEnd(PHASE_WIDTH))}  asked ${describeCanceling(canceling)}`;
  }
  return `${time}  ${notePaint(toneOf(phase), phase.padEnd(PHASE_WIDTH))}  ${wordsOf(task)}`.trimEnd();
}

const PHASE_WIDTH = 12;

function wordsOf(task: TaskStatus): string {
  const { phase, externalId, attempt } = task;
  const message = failureOrMessage(task);
  const wait = describeRepairWait(task, Date.now());
  const words = message === phase ? '' : firstLine(message);
  const job = externalId === undefined || words.includes(externalId) ? '' : `run ${externalId}`;
  const again = attempt > 1 ? `attempt ${attempt}` : '';
  const waits = wait === undefined ? '' : `waits ${wait} (or end it now: longhaul nudge ${task.id})`;
  return [words, job, again, waits].filter((part) => part !== '').join(' · ');
}

async function drawFor(ms: number, task: TaskStatus, { output, signal }: FollowOptions): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until && !signal.aborted) {
    output.progress(progressLine(task, output));
    const pause = Math.min(REDRAW_MS, Math.max(1, until - Date.now()));
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

function progressLine(task: TaskStatus, { interactive }: Output): string {
  const now = Date.now();
  const parts = [
    task.canceling === undefined ? task.phase : 'CANCELING',
    toClock(now - task.startedAt),
    ...(task.nextCheckAt === undefined ? [] : [`next check ${nextCheckIn(task.nextCheckAt, now)}`]),
    ...(interactive ? ['Ctrl-C to detach or cancel'] : []),
  ];
  return `${SPINNER[Math.floor(now / REDRAW_MS) % SPINNER.length] ?? ''} ${parts.join(' · ')}`;
}
