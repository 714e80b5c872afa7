import { setTimeout as sleep } from 'node:timers/promises';

import type { CallContext } from '../src/connector/connector';
import { LonghaulError } from '../src/connector/errors';

/** Each is told when there is room; who comes a fifth time for nothing shall hear why. */
const MOST_WAITS = 4;

/** Asks again as long as only our own request budget is in the way: that says nothing of what is asked for. */
export async function waitOutBudget<T>({ signal }: CallContext, ask: () => Promise<T>): Promise<T> {
  for (let waits = 0; ; waits += 1) {
    try {
      return await ask();
    } catch (thrown) {
      const isHeldBack = thrown instanceof LonghaulError && thrown.isHeldBack;
      if (!isHeldBack || waits === MOST_WAITS) throw thrown;
      await sleep(thrown.retryAfterMs, undefined, { signal });
    }
  }
}
