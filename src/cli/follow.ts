import { setTimeout as sleep } from 'node:timers/promises';

import type { TaskStatus } from '../client';
import { LonghaulError } from '../connector/errors';
import { toClock, type Output } from './output';
import type { Session } from './session';

export interface FollowOptions {
  readonly id: string;
  readonly output: Output;
  /** Opens the session anew after the engine or the connection went away. */
  readonly reopen: () => Promise<Session>;
  readonly signal: AbortSignal;
}

/** `detached`: the signal fired; the task goes on. */
export type Followed =
  | { readonly kind: 'ended'; readonly session: Session }
  | { readonly kind: 'detached'; readonly session: Session };

const LOOK_MS = 300;
const REDRAW_MS = 250;

/** Shows a task until it ends, over restarts of the engine and of Temporal. */
export async function follow(session: Session, options: FollowOptions): Promise<Followed> {
  let current = session;
  let shown = '';
  while (!options.signal.aborted) {
    const status = await lookOrReopen(current, options);
    if (status.kind === 'reopened') {
      current = status.session;
      continue;
    }
    shown = showChange(status.task, shown, options.output);
    if (status.task.state !== 'OPEN') return { kind: 'ended', session: current };
    await drawFor(LOOK_MS, status.task, options);
  }
  return { kind: 'detached', session: current };
}

type Look =
  | { readonly kind: 'seen'; readonly task: TaskStatus }
  | { readonly kind: 'reopened'; readonly session: Session };

async function lookOrReopen(session: Session, options: FollowOptions): Promise<Look> {
  try {
    return { kind: 'seen', task: await session.tasks.get(options.id) };
  } catch (error) {
    if (!(error instanceof LonghaulError) || error.code !== 'UNAVAILABLE') throw error;
    options.output.note('Temporal is out of reach; the task is kept there. Trying again.');
    await session.close().catch(() => undefined);
    return { kind: 'reopened', session: await options.reopen() };
  }
}

/** One line per change; the same state in other words is progress, not a change. */
function showChange(task: TaskStatus, shown: string, output: Output): string {
  const change = [task.phase, task.attempt, task.code, task.canceling?.requestedAt, task.state].join('|');
  if (change === shown) return shown;
  const time = new Date().toISOString().slice(11, 19);
  const message = task.message === undefined ? '' : `  ${task.message.split('\n')[0] ?? ''}`;
  output.note(`${time}  ${task.phase.padEnd(12)}${message}`);
  return change;
}

async function drawFor(ms: number, task: TaskStatus, { output, signal }: FollowOptions): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until && !signal.aborted) {
    output.progress(progressLine(task, Date.now()));
    await sleep(REDRAW_MS, undefined, { signal }).catch(() => undefined);
  }
}

function progressLine(task: TaskStatus, now: number): string {
  const parts = [
    task.phase,
    toClock(now - task.startedAt),
    ...(task.externalId === undefined ? [] : [`run ${task.externalId}`]),
    ...(task.nextCheckAt === undefined
      ? []
      : [`next check in ${Math.max(0, Math.round((task.nextCheckAt - now) / 1000))} s`]),
    ...(task.links[0] === undefined ? [] : [task.links[0].uri]),
  ];
  return parts.join(' · ');
}
