import { LonghaulError } from '../../connector';
import {
  createBackoff,
  createBucket,
  createWindow,
  SHARE_OF_LOOKS,
  type Backoff,
  type Bucket,
  type Budget,
  type Window,
} from './databricks-budget';

/**
 * Who goes first. `urgent`: cancels and tokens. `start`: what starts or repairs a run. `rest`: looks whether a run has
 * stopped, and the further pages and outputs of a look that has begun. `look`: the first request of a look.
 */
export type Lane = (typeof LANES)[number];
const LANES = ['urgent', 'start', 'rest', 'look'] as const;

/** An answer that asks for less: everything, or starts only, may not go for a while. */
export interface SlowDown {
  readonly scope: 'all' | 'starts';
  /** What the server asks for; without it the pause grows from refusal to refusal. */
  readonly wishedMs?: number;
}

/** The request budget of one host, at work: every HTTP request of the process passes it. */
export interface Gate {
  /**
   * Waits until the request may go.
   * @returns when it goes. @throws RATE_LIMITED, held back, when it would wait for more than seconds: then the caller's
   * caller waits, without a worker's slot. @throws the signal's reason when it is aborted.
   */
  pass(lane: Lane, signal: AbortSignal): Promise<number>;
  /** Tells what became of a request that went at `sentAt`. */
  answered(lane: Lane, sentAt: number, slowDown?: SlowDown): void;
}

export interface GateOptions {
  readonly host: string;
  readonly budget: Budget;
  readonly monotonicNow?: () => number;
  readonly random?: () => number;
}

/** A look that waits costs a slot, and is cheap to repeat; a page of a thousand-task run is not. */
const LONGEST_WAIT_MS: Readonly<Record<Lane, number>> = {
  urgent: 30_000,
  start: 5_000,
  rest: 30_000,
  look: 5_000,
};

interface Waiter {
  readonly lane: Lane;
  readonly since: number;
  readonly go: (now: number) => void;
  readonly refuse: () => void;
}

/** Whoever was overtaken for twice its longest wait gives its slot back too. */
const OVERTAKEN = 2;

/** Timers are late by themselves; a little more keeps the other side's clock from seeing us early. */
const TIMER_SLACK_MS = 1;

export function createGate(options: GateOptions): Gate {
  return new HostGate(options);
}

class HostGate implements Gate {
  readonly #options: GateOptions;
  readonly #now: () => number;
  readonly #buckets: { readonly all: Bucket; readonly starts: Bucket };
  readonly #backoffs: { readonly all: Backoff; readonly starts: Backoff };
  readonly #window: Window;
  readonly #line: Line;
  #waiting: readonly Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GateOptions) {
    const { budget, random, monotonicNow = () => performance.now() } = options;
    this.#options = options;
    this.#now = monotonicNow;
    this.#buckets = {
      all: createBucket(budget.requestsPerSecond),
      starts: createBucket(budget.submitsPerSecond),
    };
    this.#window = createWindow(budget.requestsPerSecond);
    this.#backoffs = { all: createBackoff(random), starts: createBackoff(random) };
    this.#line = createLine(this.#buckets.all.intervalMs, this.#buckets.starts.intervalMs);
  }

  async pass(lane: Lane, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    const now = this.#now();
    if (this.#waitOf(lane, now) > LONGEST_WAIT_MS[lane]) throw this.#heldBack(lane, now);
    return this.#join(lane, signal);
  }

  answered(lane: Lane, sentAt: number, slowDown?: SlowDown): void {
    this.#window.answered(sentAt, this.#now());
    if (slowDown === undefined) {
      this.#backoffs.all.accepted(sentAt);
      if (lane === 'start') this.#backoffs.starts.accepted(sentAt);
      return;
    }
    const { scope, ...wish } = slowDown;
    const now = this.#now();
    this.#buckets[scope].hold(this.#backoffs[scope].refused({ now, sentAt, ...wish }));
    for (const waiter of this.#waiting) {
      if (this.#nextAt(waiter.lane, now) - now > LONGEST_WAIT_MS[waiter.lane]) waiter.refuse();
    }
  }

  #join(lane: Lane, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal.removeEventListener('abort', abort);
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
      };
      const abort = (): void => {
        leave();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the abort reason goes on untouched
        reject(signal.reason);
      };
      const waiter: Waiter = {
        lane,
        since: this.#now(),
        go: (now) => {
          leave();
          resolve(now);
        },
        refuse: () => {
          leave();
          reject(this.#heldBack(lane, this.#now()));
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting = [...this.#waiting, waiter];
      this.#serve();
    });
  }

  /** Lets go who may, in the order of the lanes, and comes back when the next one may. */
  #serve(): void {
    clearTimeout(this.#timer);
    const now = this.#now();
    for (const waiter of this.#waiting) {
      if (now - waiter.since > LONGEST_WAIT_MS[waiter.lane] * OVERTAKEN) waiter.refuse();
    }
    let next = this.#next(now);
    while (next !== undefined) {
      this.#buckets.all.take(now);
      this.#window.take(now);
      if (next.lane === 'start') this.#buckets.starts.take(now);
      next.go(now);
      next = this.#next(now);
    }
    if (this.#waiting.length === 0) return;
    const soonest = Math.min(...this.#waiting.map(({ lane }) => this.#nextAt(lane, now)));
    const pauseMs = Math.min(Math.max(0, soonest - now) + TIMER_SLACK_MS, LONGEST_WAIT_MS.look);
    this.#timer = setTimeout(() => this.#serve(), pauseMs);
  }

  /** The first of the first lane that may go; a lane that may not is passed by. */
  #next(now: number): Waiter | undefined {
    const open = LANES.filter((lane) => this.#nextAt(lane, now) <= now);
    return open.flatMap((lane) => this.#waiting.find((waiter) => waiter.lane === lane) ?? [])[0];
  }

  #nextAt(lane: Lane, now: number): number {
    const { all, starts } = this.#buckets;
    const common = Math.max(all.nextAt, this.#window.nextAt(now));
    return lane === 'start' ? Math.max(common, starts.nextAt) : common;
  }

  /** How long one more in this lane would wait, if nobody came before it later. */
  #waitOf(lane: Lane, now: number): number {
    const { all, starts } = this.#buckets;
    const ahead = this.#waiting.filter((other) => LANES.indexOf(other.lane) <= LANES.indexOf(lane));
    const common = Math.max(0, all.nextAt - now) + ahead.length * all.intervalMs;
    if (lane !== 'start') return common;
    const startsAhead = ahead.filter((other) => other.lane === 'start').length;
    return Math.max(common, starts.nextAt - now + startsAhead * starts.intervalMs);
  }

  #heldBack(lane: Lane, now: number): LonghaulError {
    const retryAfterMs = Math.ceil(this.#line.comeBackAt(lane, now + this.#waitOf(lane, now)) - now);
    return heldBackError(this.#options, retryAfterMs);
  }
}

interface Line {
  comeBackAt(lane: Lane, earliest: number): number;
}

/**
 * Tells those who are sent away when to come back, one after the other, so that they do not all come back at once.
 * No place is kept for them: who does not come costs nothing.
 */
function createLine(intervalMs: number, startIntervalMs: number): Line {
  const spacing: Readonly<Record<Lane, number>> = {
    urgent: intervalMs,
    start: startIntervalMs,
    rest: intervalMs,
    look: intervalMs / SHARE_OF_LOOKS,
  };
  const last = new Map<Lane, number>();
  return {
    comeBackAt: (lane, earliest) => {
      const at = Math.max(earliest, (last.get(lane) ?? Number.NEGATIVE_INFINITY) + spacing[lane]);
      last.set(lane, at);
      return at;
    },
  };
}

function heldBackError({ host, budget }: GateOptions, retryAfterMs: number): LonghaulError {
  const rate = Number(budget.requestsPerSecond.toFixed(2));
  const words = `The request budget of this process for ${host} (${rate} requests/s) has no room just now.`;
  return new LonghaulError('RATE_LIMITED', words, { retryAfterMs, isHeldBack: true });
}
