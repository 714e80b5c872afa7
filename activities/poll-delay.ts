/** What decides the pause before the next look. All in milliseconds. */
export interface PollDelayInput {
  /** Age of the attempt: young jobs are looked at often. */
  readonly ageMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** The provider's wish (Retry-After): never undercut. */
  readonly wishedMs?: number;
  /** A shared request budget allows no shorter pause; a longer one of our own stands. */
  readonly atLeastMs?: number;
  /** Time left until the nearest deadline; the pause ends shortly before it. */
  readonly leftMs?: number;
  /** A random number in [0, 1). */
  readonly random: number;
}

/** Temporal's retry grain: anything below comes after about a second all the same, and 0 would end the poll. */
const SHORTEST_MS = 1_000;
/** The server closes an activity early when its next retry would pass the deadline: stay on this side of it. */
const BEFORE_DEADLINE_MS = 2_000;
/** A tenth of a job's age: a one-minute job is seen ended within 6 s, a day-long one costs a look a minute. */
const SHARE_OF_AGE = 0.1;
/** Spreads jobs that were started together; only a wish is never shortened by it. */
const JITTER = 0.2;

export function pollDelayMs(input: PollDelayInput): number {
  const { ageMs, minMs, maxMs, wishedMs, atLeastMs = 0, leftMs, random } = input;
  const growing = Math.min(maxMs, Math.max(minMs, ageMs * SHARE_OF_AGE));
  const own =
    wishedMs === undefined ? growing * (1 - JITTER + 2 * JITTER * random) : wishedMs * (1 + JITTER * random);
  const spread = Math.max(own, atLeastMs * (1 + JITTER * random));
  const clamped = leftMs === undefined ? spread : Math.min(spread, leftMs - BEFORE_DEADLINE_MS);
  return Math.round(Math.max(SHORTEST_MS, clamped));
}

/** Back-off while the other side is out of reach: 1, 2, 4 … seconds up to half a minute, or what it asked for. */
export function troubleDelayMs(failures: number, wishedMs: number | undefined, random: number): number {
  const exponential = Math.min(30_000, SHORTEST_MS * 2 ** Math.min(failures, 10));
  const base =
    wishedMs === undefined ? exponential * (1 - JITTER * random) : wishedMs * (1 + JITTER * random);
  return Math.round(Math.max(SHORTEST_MS, base));
}
