import { setTimeout as sleep } from 'node:timers/promises';

import { LonghaulError } from '../connector/errors';
import type { Output } from './output';
import type { Session } from './session';

/** A session that outlives its Temporal: opened anew when that goes away. */
export interface LiveSession {
  /** Asks until there is an answer; undefined when `signal` fired first. Only an outage is waited out. */
  ask<T>(question: (session: Session) => Promise<T>): Promise<T | undefined>;
  /** Closes what was opened here; the first session stays its owner's. */
  close(): Promise<void>;
}

export interface LiveSessionOptions {
  readonly reopen: () => Promise<Session>;
  readonly output: Output;
  readonly signal: AbortSignal;
}

const PAUSE_MS = 1_000;

export function createLiveSession(first: Session, options: LiveSessionOptions): LiveSession {
  const { output, signal } = options;
  let session = first;
  let isLost = false;
  const closeOwn = async (): Promise<void> => {
    if (session === first) session.engine?.close();
    else await session.close().catch(() => undefined);
  };
  const attempt = async <T>(question: (session: Session) => Promise<T>): Promise<T> => {
    if (isLost) {
      await closeOwn();
      session = await options.reopen();
    }
    const answer = await Promise.race([question(session), ...goneOf(session)]);
    if (isLost) output.note('Connected again.');
    isLost = false;
    return answer;
  };
  return {
    ask: async (question) => {
      while (!signal.aborted) {
        try {
          return await unlessAborted(attempt(question), signal);
        } catch (error) {
          if (!(error instanceof LonghaulError) || error.code !== 'UNAVAILABLE') throw error;
          if (!isLost) output.note('Temporal is out of reach; the task is kept there. Trying again …');
          isLost = true;
          await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
        }
      }
      return undefined;
    },
    close: async () => {
      if (session !== first) await closeOwn();
    },
  };
}

/** An engine that goes away is known at once; a lost connection only after its own time-outs. */
function goneOf({ engine }: Session): Promise<never>[] {
  if (engine === undefined) return [];
  const gone = engine.gone.then((reason) => {
    throw new LonghaulError('UNAVAILABLE', reason);
  });
  return [gone];
}

/** Undefined once `signal` fires: the question goes on unheard. */
async function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let stop = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
