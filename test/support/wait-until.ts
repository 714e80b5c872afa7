import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until there is an answer; fails naming what was awaited. */
export async function waitUntil<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  limitMs = 30_000,
): Promise<T> {
  const until = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > until) throw new Error(`Waited ${limitMs / 1000} s in vain for ${what}.`);
    await sleep(25);
  }
}
