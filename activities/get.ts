import type { GetInput, GetResult, PollSnapshot, Trouble } from '../src/connector/activity-contract';
import type { LonghaulError } from '../src/connector/errors';
import { canonicalJson } from '../src/connector/json';
import type { Observation } from '../src/connector/observation';
import type { ActivityCall } from './activity-call';
import { notChanged } from './failures';
import { pollDelayMs, troubleDelayMs, type PollDelayInput } from './poll-delay';
import type { ActivityDependencies } from './ports';
import { runConnector, type ConnectorRun } from './run-connector';

/** Trouble shorter than this is waited out unseen: one lost packet must not write history. */
const TROUBLE_SHOWN_AFTER_MS = 60_000;
const LINKS_IN_SNAPSHOT = 3;

interface Unchanged {
  readonly kind: 'unchanged';
  readonly snapshot: PollSnapshot;
  readonly delayMs: number;
}

/** One look at the job: returns when something changed, else fails benignly until the next look is due. */
export async function get(dependencies: ActivityDependencies, input: GetInput): Promise<GetResult> {
  const random = (dependencies.random ?? Math.random)();
  const shownAfterMs = dependencies.troubleShownAfterMs ?? TROUBLE_SHOWN_AFTER_MS;
  const outcome = await runConnector<GetResult | Unchanged>(dependencies, input, {
    run: (run) => look(run, input, random),
    onError: (error, call) => toOutcome(error, { input, call, random, shownAfterMs }),
  });
  if (outcome.kind === 'unchanged') throw notChanged(outcome.snapshot, outcome.delayMs);
  return outcome;
}

async function look(
  { connector, call }: ConnectorRun,
  input: GetInput,
  random: number,
): Promise<GetResult | Unchanged> {
  const wait = timeToFirstLook(input, call);
  if (wait > 0) return unchanged(input, { phase: input.seen.phase }, { now: call.startedAt, delayMs: wait });
  const meta = connector.metadataType.parse(input.meta);
  const observation = await connector.get(meta, call.context);
  if (isChanged(input, observation, call)) {
    return { kind: 'changed', observation, externalId: connector.metadataType.externalId(observation.meta) };
  }
  if (call.saved().trouble !== undefined) call.save({ trouble: undefined });
  const now = call.context.now();
  return unchanged(input, observation.resource, {
    now,
    delayMs: delayAfter(input, observation, { now, random }),
  });
}

/** A change or a nudge came a moment ago: the next look keeps its distance, without holding a worker. */
function timeToFirstLook(input: GetInput, call: ActivityCall): number {
  if (input.notBefore === undefined || call.attempt > 1) return 0;
  return input.notBefore - call.startedAt;
}

function isChanged(input: GetInput, observation: Observation, call: ActivityCall): boolean {
  const { seen, trouble } = input;
  if (trouble !== undefined || observation.next.kind !== 'poll') return true;
  if (observation.resource.phase !== seen.phase) return true;
  // What the workflow has seen went through redaction: only like is compared with like.
  const links = (observation.resource.logLinks ?? []).map((link) => call.context.redact(link.uri));
  return (
    canonicalJson(links) !== canonicalJson(seen.linkUris) ||
    canonicalJson(observation.meta) !== canonicalJson(seen.meta)
  );
}

function delayAfter(
  input: GetInput,
  observation: Observation,
  { now, random }: { readonly now: number; readonly random: number },
): number {
  const { next } = observation;
  const { afterMs: wishedMs, atLeastMs } = next.kind === 'poll' ? next : {};
  return pollDelayMs({
    ...delayBounds(input, now),
    random,
    ...(wishedMs === undefined ? {} : { wishedMs }),
    ...(atLeastMs === undefined ? {} : { atLeastMs }),
  });
}

function delayBounds(
  input: GetInput,
  now: number,
): Pick<PollDelayInput, 'ageMs' | 'minMs' | 'maxMs' | 'leftMs'> {
  return {
    ageMs: now - input.submittedAt,
    minMs: input.policy.pollMinMs,
    maxMs: input.policy.pollMaxMs,
    ...(input.deadlineAt === undefined ? {} : { leftMs: input.deadlineAt - now }),
  };
}

function unchanged(
  input: GetInput,
  resource: Observation['resource'],
  pause: { readonly now: number; readonly delayMs: number; readonly trouble?: Trouble },
): Unchanged {
  const { message, phase, logLinks } = resource;
  const snapshot = {
    phase,
    meta: input.meta,
    seenAt: pause.now,
    nextCheckAt: pause.now + pause.delayMs,
    ...(message === undefined ? {} : { message }),
    ...(logLinks === undefined ? {} : { links: logLinks.slice(0, LINKS_IN_SNAPSHOT) }),
    ...(pause.trouble === undefined ? {} : { trouble: pause.trouble }),
  };
  return { kind: 'unchanged', snapshot, delayMs: pause.delayMs };
}

interface FailedLook {
  readonly input: GetInput;
  readonly call: ActivityCall;
  readonly random: number;
  readonly shownAfterMs: number;
}

/** Only the job's absence is an answer; all else is trouble, and trouble never ends a healthy job. */
function toOutcome(error: LonghaulError, failed: FailedLook): GetResult | Unchanged {
  if (error.code === 'RUN_GONE') return gone(failed.input, error);
  if (error.isHeldBack) return heldBack(error, failed);
  const { input, call, random, shownAfterMs } = failed;
  const now = call.context.now();
  const earlier = call.saved().trouble ?? input.trouble;
  const trouble: Trouble = {
    code: error.code,
    message: error.message.slice(0, TROUBLE_MESSAGE_LIMIT),
    since: earlier?.since ?? now,
    failures: (earlier?.failures ?? 0) + 1,
  };
  const lastedMs = now - trouble.since;
  if (input.policy.onUnreachable === 'fail' && lastedMs >= input.policy.unreachableBudgetMs) {
    return { kind: 'gaveUp', trouble };
  }
  if (lastedMs >= shownAfterMs && input.trouble === undefined) return { kind: 'trouble', trouble };
  call.save({ trouble });
  const delayMs = troubleDelayMs(trouble.failures, error.retryAfterMs, random);
  return unchanged(input, { phase: input.seen.phase }, { now, delayMs, trouble });
}

const TROUBLE_MESSAGE_LIMIT = 400;

/** Nobody was asked: neither a change nor trouble, only a look that comes later. */
function heldBack({ retryAfterMs }: LonghaulError, { input, call, random }: FailedLook): Unchanged {
  const now = call.context.now();
  const atLeastMs = retryAfterMs === undefined ? {} : { atLeastMs: retryAfterMs };
  const delayMs = pollDelayMs({ ...delayBounds(input, now), random, ...atLeastMs });
  const { trouble } = call.saved();
  return unchanged(input, { phase: input.seen.phase }, { now, delayMs, ...(trouble && { trouble }) });
}

function gone(input: GetInput, error: LonghaulError): GetResult {
  const decision = {
    action: 'fail',
    reason: 'a job that no longer exists is never started again silently',
  } as const;
  const observation: Observation = {
    meta: input.meta,
    resource: { phase: 'FAILED', message: error.message },
    next: { kind: 'done', verdict: { kind: 'failed', code: 'RUN_GONE', cause: 'unknown', decision } },
  };
  return { kind: 'changed', observation, externalId: input.externalId };
}
