import { setTimeout as sleep } from 'node:timers/promises';
import { LonghaulError } from '../../connector/errors';
import type { DevServer } from '../dev-server';
import type { ChildEnd } from '../lifeline';
import { messageOf } from '../run-command';

/** A program of ours that serves until it is told to stop. */
export interface ServingProgram {
  /** Resolves when it has ended, for whatever reason; never rejects. */
  readonly ended: Promise<ChildEnd>;
  stop(): Promise<void>;
}

export interface SupervisedServer<S extends ServingProgram = DevServer> {
  /** Resolves when it serves for the first time. @throws what the start threw. */
  readonly ready: Promise<S>;
  /** Resolves when the server cannot be kept up. */
  readonly gaveUp: Promise<LonghaulError>;
  /** Ends it for good, a start under way included. */
  stop(): Promise<void>;
}

export interface SupervisionOptions<S extends ServingProgram = DevServer> {
  /** For messages; default `The Temporal server`. */
  readonly what?: string;
  readonly start: (signal: AbortSignal) => Promise<S>;
  readonly report: (message: string) => void;
}

/** So many ends in a row, each within a minute of its start, and a further try is no use. */
const MOST_QUICK_ENDS = 5;
const QUICK_MS = 60_000;
const LONGEST_PAUSE_MS = 5_000;

/** Starts a program and starts it again whenever it ends unasked, a server on the same ports and the same file. */
export function superviseServer<S extends ServingProgram>(
  options: SupervisionOptions<S>,
): SupervisedServer<S> {
  const stopping = new AbortController();
  const ready = options.start(stopping.signal);
  const kept = ready.then((server) => keepUp(server, options, stopping.signal));
  return {
    ready,
    gaveUp: new Promise((resolve) => {
      kept.then((failure) => failure && resolve(failure)).catch(() => undefined); // a failed start is told by `ready`
    }),
    stop: async () => {
      stopping.abort();
      await kept.catch(() => undefined);
    },
  };
}

/** @returns undefined once told to stop, else why it gave up. */
async function keepUp<S extends ServingProgram>(
  first: S,
  { what = 'The Temporal server', start, report }: SupervisionOptions<S>,
  stopping: AbortSignal,
): Promise<LonghaulError | undefined> {
  let server: S | undefined = first;
  for (let quickEnds = 0; ;) {
    const startedAt = Date.now();
    const why = server === undefined ? 'did not start' : await endOrStop(server, stopping);
    if (stopping.aborted) return undefined;
    quickEnds = Date.now() - startedAt < QUICK_MS ? quickEnds + 1 : 1;
    if (quickEnds > MOST_QUICK_ENDS) {
      return new LonghaulError('UNAVAILABLE', `${what} ${why}, again and again.`);
    }
    report(`${what} ${why}; it is started again.`);
    await sleep(Math.min((quickEnds - 1) * 1_000, LONGEST_PAUSE_MS));
    server = await start(stopping).catch((error: unknown) => {
      report(messageOf(error));
      return undefined;
    });
  }
}

async function endOrStop(server: ServingProgram, stopping: AbortSignal): Promise<string> {
  const stop = (): void => void server.stop();
  if (stopping.aborted) stop();
  stopping.addEventListener('abort', stop);
  const { code, signal } = await server.ended;
  stopping.removeEventListener('abort', stop);
  return `ended (${signal ?? `code ${code}`})`;
}
