import { setTimeout as sleep } from 'node:timers/promises';

import type { TaskClient } from '../../client';
import type { Logger } from '../../connector/connector';
import { LonghaulError } from '../../connector/errors';
import type { ConnectorRegistry } from '../../connector/registry';
import type { Resource } from '../../connector/resource';
import type { RpcCall } from '../handlers';
import type { BoundedMap } from './bounded-map';
import type { Connections } from './connections';
import type { LastAnswers } from './last-answers';
import type { Prevention } from './prevention';

/** What the calls of one service share. */
export interface ServiceContext {
  readonly tasks: TaskClient;
  readonly registry: ConnectorRegistry;
  /** Tells several Flyte clusters on one Temporal apart. */
  readonly cluster: string;
  readonly connections: Connections;
  readonly lastAnswers: LastAnswers;
  /** Resources of succeeded runs, by run id. */
  readonly results: BoundedMap<Resource>;
  readonly prevention: Prevention;
  /** The task's page in the Temporal UI, where one is known. */
  taskUrl(id: string): string | undefined;
  /** An answer was given from memory. */
  onStaleAnswer(): void;
  readonly logger: Logger;
}

/** Left between Temporal's answer and the caller's deadline, so that ours still arrives. */
const MARGIN_MS = 300;
/** Temporal answers within milliseconds or is in trouble; a caller with a long deadline need not wait for that. */
const LONGEST_WAIT_MS = 5_000;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/**
 * One call to Temporal, repeated while it only did not answer, until this time (epoch milliseconds). It must bear that.
 * @throws the last error; a call that was still under way may then be done or not.
 */
export async function within<T>(deadline: number, act: () => Promise<T>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      return await limited(deadline, act);
    } catch (thrown) {
      const error = LonghaulError.from(thrown);
      if (!error.retryable || Date.now() + pauseMs >= deadline) throw error;
    }
    await sleep(pauseMs);
  }
}

/**
 * Waits no longer than this. Not by the client's own deadlines: those follow a call through every promise of the
 * process, and cost a fifth of a GetTask. The connection ends what hangs.
 */
export function limited<T>(deadline: number, act: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = (): void => {
      reject(new LonghaulError('UNAVAILABLE', 'Temporal did not answer in time.'));
    };
    const timer = setTimeout(expire, Math.max(0, deadline - Date.now()));
    act()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

/** Epoch milliseconds until which Temporal may take for its part of a call. */
export function deadlineFor(call: RpcCall, longestMs = LONGEST_WAIT_MS): number {
  return Math.min(call.deadline - MARGIN_MS, Date.now() + longestMs);
}
