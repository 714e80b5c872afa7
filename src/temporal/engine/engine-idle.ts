import { setTimeout as sleep } from 'node:timers/promises';

export interface IdleOptions {
  readonly idleMs: number;
  readonly clientCount: () => number;
  readonly lastLeftAt: () => number;
  /** Null when nobody can tell: then a task may be open. */
  readonly countOpenTasks: () => Promise<number | null>;
}

const LONGEST_CHECK_MS = 5_000;
const SHORTEST_CHECK_MS = 100;

/**
 * Resolves when for `idleMs` there has been neither client nor open task, at once after the last look: a client that
 * came meanwhile is seen. Never while a task is open or may be. Gives up watching when `signal` fires.
 */
export async function untilIdle(options: IdleOptions, signal: AbortSignal): Promise<void> {
  let busyAt = Date.now();
  while (!signal.aborted) {
    const openTasks = options.clientCount() > 0 ? null : await options.countOpenTasks();
    if (openTasks !== 0 || options.clientCount() > 0) busyAt = Date.now();
    else if (Date.now() - Math.max(busyAt, options.lastLeftAt()) >= options.idleMs) return;
    await sleep(checkEveryMs(options.idleMs), undefined, { signal }).catch(() => undefined);
  }
}

function checkEveryMs(idleMs: number): number {
  return Math.max(SHORTEST_CHECK_MS, Math.min(LONGEST_CHECK_MS, idleMs / 4));
}
