import type { Observed, RepairInput } from '../src/connector/activity-contract';
import type { LonghaulError } from '../src/connector/errors';
import { countPosts, type ActivityCall } from './activity-call';
import { tellsNothing } from './create';
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
      const posts = countUnrefused(error, call, sentBefore);
      const retryInMs = troubleDelayMs(call.attempt, error.retryAfterMs, random);
      throw toApplicationFailure(error, {
        ...(posts === undefined ? {} : { posts }),
        ...(error.retryable ? { retryInMs } : {}),
      });
    },
  });
}

/** A refusal is the answer to the request of this try; those of earlier tries went unanswered. */
function countUnrefused(
  error: LonghaulError,
  call: ActivityCall,
  sentBefore: number | undefined,
): number | undefined {
  const posts = countPosts(call);
  const isRefused = !tellsNothing(error) && error.code !== 'OUTCOME_UNKNOWN';
  return posts !== undefined && isRefused ? (sentBefore ?? posts) : posts;
}
