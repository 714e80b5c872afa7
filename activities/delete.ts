import type { DeleteInput, DeleteResult } from '../src/connector/activity-contract';
import type { DeleteOutcome } from '../src/connector/connector';
import type { LonghaulError, ErrorCode } from '../src/connector/errors';
import type { ActivityCall } from './activity-call';
import { stopping, toApplicationFailure } from './failures';
import { troubleDelayMs } from './poll-delay';
import type { ActivityDependencies } from './ports';
import { runConnector, type ConnectorRun } from './run-connector';

interface Unstopped {
  readonly kind: 'unstopped';
  readonly message: string;
  readonly delayMs: number;
}

/** Ends only these efforts: nobody can tell more by asking again. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['OUTCOME_UNKNOWN', 'UNSUPPORTED']);

/** Asks the job to stop and looks; returns when it is seen stopped, else fails benignly and is called again. */
export async function deleteJob(
  dependencies: ActivityDependencies,
  input: DeleteInput,
): Promise<DeleteResult> {
  const random = (dependencies.random ?? Math.random)();
  const outcome = await runConnector<DeleteResult | Unstopped>(dependencies, input, {
    run: async (run) => toResult(run, await run.connector.delete(parseTarget(run, input), run.call.context)),
    onError: (error, call) => (isGone(error, input) ? gone(error, call) : toUnstopped(error, call, random)),
  });
  if (outcome.kind === 'unstopped') throw stopping(outcome.message, outcome.delayMs);
  return outcome;
}

function parseTarget({ connector }: ConnectorRun, { target }: DeleteInput): DeleteInput['target'] {
  return target.kind === 'request' ? target : { ...target, meta: connector.metadataType.parse(target.meta) };
}

function toResult({ connector, call }: ConnectorRun, outcome: DeleteOutcome): DeleteResult | Unstopped {
  const posts = call.saved().posts ?? 0;
  switch (outcome.kind) {
    case 'stopped': {
      const externalId = connector.metadataType.externalId(outcome.meta);
      return { ...outcome, externalId, posts, stoppedAt: call.context.now() };
    }
    case 'nothing':
      return { ...outcome, posts, stoppedAt: call.context.now() };
    case 'stopping': {
      const { phase, message = '' } = outcome.resource;
      return {
        kind: 'unstopped',
        message: `asked to stop, still ${phase} ${message}`.trim(),
        delayMs: delayOf(call, 0.5),
      };
    }
    default:
      return outcome satisfies never;
  }
}

/** A job that no longer exists runs no longer. Without a meta nobody could say that it is this job that is gone. */
function isGone({ code }: LonghaulError, { target }: DeleteInput): boolean {
  return target.kind === 'meta' && code === 'RUN_GONE';
}

function gone({ message }: LonghaulError, call: ActivityCall): DeleteResult {
  return { kind: 'nothing', message, posts: call.saved().posts ?? 0, stoppedAt: call.context.now() };
}

/** A stop is looked for soon at first, then every ten seconds. */
function delayOf(call: ActivityCall, random: number): number {
  return Math.min(10_000, troubleDelayMs(Math.min(call.attempt - 1, 4), undefined, random));
}

/** A stop is tried again at least this often, whatever the other side wishes. */
const LONGEST_PAUSE_MS = 60_000;

function toUnstopped(error: LonghaulError, call: ActivityCall, random: number): Unstopped {
  if (FINAL.has(error.code)) throw toApplicationFailure(error);
  const delayMs = Math.min(LONGEST_PAUSE_MS, error.retryAfterMs ?? delayOf(call, random));
  return { kind: 'unstopped', message: `cannot ask to stop (${error.code}: ${error.message})`, delayMs };
}
