import type { Observed, RepairInput } from '../src/connector/activity-contract';
import type { LonghaulError } from '../src/connector/errors';
import { countPosts } from './activity-call';
import { isUnanswered, tellsNothing, type SentRequests } from './create';
import { toApplicationFailure } from './failures';
import { troubleDelayMs } from './poll-delay';
import type { ActivityDependencies } from './ports';
import { offered, runConnector, toObserved } from './run-connector';

/** Begins a repair; a failure says how many requests may have begun one. */
export async function repair(dependencies: ActivityDependencies, input: RepairInput): Promise<Observed> {
  const random = (dependencies.random ?? Math.random)();
  let sentBefore: number | undefined;
  return runConnector(dependencies, input, {
    run: async (run) => {
      sentBefore = run.call.saved().posts ?? 0;
      const operation = offered(run, 'repair', run.connector.repair?.bind(run.connector));
      const { meta, request, options } = input;
      return toObserved(run, await operation({ meta, request, options }, run.call.context));
    },
    onError: (error, call) => {
      const sent = { ...countPosts(call), sentBefore: sentBefore ?? call.saved().posts ?? 0 };
      const posts = countUnrefused(error, sent);
      const retryInMs = troubleDelayMs(call.attempt, error.retryAfterMs, random);
      throw toApplicationFailure(error, {
        ...(posts === undefined ? {} : { posts }),
        ...(error.retryable || isUndecided(error, sent) ? { retryInMs } : {}),
      });
    },
  });
}

/** After an unanswered request even JOB_ACTIVE tells nothing: what runs may be ours. A job that is gone runs no repair. */
function isUndecided(error: LonghaulError, sent: SentRequests): boolean {
  return error.code !== 'RUN_GONE' && isUnanswered(error, sent);
}

/** A refusal is the answer to the request of this try; those of earlier tries went unanswered. */
function countUnrefused(
  error: LonghaulError,
  { posts, isWhole, sentBefore }: SentRequests,
): number | undefined {
  const isRefused = !tellsNothing(error) && error.code !== 'OUTCOME_UNKNOWN';
  return isWhole && isRefused ? sentBefore : posts;
}
