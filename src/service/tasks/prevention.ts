import { setTimeout as sleep } from 'node:timers/promises';

import type { NamedRequest, TaskClient } from '../../client';
import type { Logger } from '../../connector/connector';
import { LonghaulError } from '../../connector/errors';
import { limited } from './context';

/**
 * Makes true what an error answer says: that nothing was started. When Temporal did not say whether it took a task, or
 * its answer came too late for the caller, the id is canceled, and taken if it is still free, until Temporal has it.
 */
export interface Prevention {
  /** Begins at once and goes on in the background. */
  begin(request: NamedRequest, reason: string): void;
  /** Waits for those under way, no longer than this. */
  settle(graceMs: number): Promise<void>;
}

const LONGEST_PAUSE_MS = 10_000;
const TRY_MS = 10_000;

export function createPrevention(tasks: TaskClient, logger: Logger): Prevention {
  const running = new Set<Promise<void>>();
  return {
    begin: (request, reason) => {
      const work = preventUntilRecorded(tasks, { request, reason, logger });
      running.add(work);
      void work.finally(() => running.delete(work));
    },
    settle: async (graceMs) => {
      const limit = sleep(graceMs, undefined, { ref: false });
      await Promise.race([Promise.all(running), limit]);
    },
  };
}

interface PreventionTask {
  readonly request: NamedRequest;
  readonly reason: string;
  readonly logger: Logger;
}

async function preventUntilRecorded(
  tasks: TaskClient,
  { request, reason, logger }: PreventionTask,
): Promise<void> {
  for (let pauseMs = 500; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      await limited(Date.now() + TRY_MS, () => tasks.prevent(request, { by: 'the Flyte service', reason }));
      logger.warn(`Task ${request.id} was prevented: ${reason}.`);
      return;
    } catch (thrown) {
      const error = LonghaulError.from(thrown);
      if (!error.retryable) {
        logger.warn(`Task ${request.id} was never started: ${error.message}`);
        return;
      }
    }
    await sleep(pauseMs, undefined, { ref: false });
  }
}
