import type { CreateInput, CreateResult } from '../src/connector/activity-contract';
import type { AsyncConnector } from '../src/connector/connector';
import { LonghaulError, type ErrorCode } from '../src/connector/errors';
import { assertSecretsAllowed } from '../src/connector/secret-reference';
import type { ActivityCall } from './activity-call';
import { toApplicationFailure } from './failures';
import { troubleDelayMs } from './poll-delay';
import type { ActivityDependencies } from './ports';
import { runConnector } from './run-connector';

/** After a cancel, a submit under way gets this long to say what it has started. */
const GRACE_AFTER_CANCEL_MS = 10_000;

export async function create(dependencies: ActivityDependencies, input: CreateInput): Promise<CreateResult> {
  let fence: AsyncConnector['capabilities']['fence'] = 'token';
  let sentBefore: number | undefined;
  return runConnector(dependencies, input, {
    graceMs: GRACE_AFTER_CANCEL_MS,
    run: async ({ connector, call }) => {
      fence = connector.capabilities.fence;
      sentBefore = call.saved().posts ?? 0;
      assertNotSentBefore(fence, call);
      const asker = input.request.taskExecution ?? {};
      assertSecretsAllowed(input.request.template.custom, dependencies.secrets.allowed, asker);
      const observation = await connector.create(input.request, call.context);
      const externalId = connector.metadataType.externalId(observation.meta);
      return { observation, externalId, posts: call.saved().posts ?? 1 };
    },
    onError: (error, call) => {
      const random = dependencies.random ?? Math.random;
      throw toCreateFailure(error, call, {
        fence,
        sentBefore: sentBefore ?? call.saved().posts ?? 0,
        random,
      });
    },
  });
}

/** Without a fence an earlier try of unknown outcome forbids another one. */
function assertNotSentBefore(fence: AsyncConnector['capabilities']['fence'], call: ActivityCall): void {
  if (fence !== 'none' || (call.saved().posts ?? 0) === 0) return;
  throw new LonghaulError(
    'OUTCOME_UNKNOWN',
    'An earlier try was sent and never answered; it is not repeated silently.',
    {
      advice: 'Look at the external system, or say onUnknown: retry in the policy.',
    },
  );
}

/** Once a request may have arrived, only these say for sure that no job came of it. */
const CLEAR_REJECTIONS: ReadonlySet<ErrorCode> = new Set([
  'INVALID_TASK',
  'TOKEN_CONFLICT',
  'RUN_GONE',
  'UNSUPPORTED',
  'UNKNOWN_TASK_TYPE',
  'PAYLOAD_TOO_LARGE',
]);

/** Neither the other side's refusal nor its acceptance: the request may have done its work. */
function tellsNothing(error: LonghaulError): boolean {
  return error.retryable || error.code === 'INTERNAL';
}

interface FailureContext {
  readonly fence: AsyncConnector['capabilities']['fence'];
  /** Requests of earlier tries: each went unanswered, or there would be no further try. */
  readonly sentBefore: number;
  readonly random: () => number;
}

function toCreateFailure(
  error: LonghaulError,
  call: ActivityCall,
  { fence, sentBefore, random }: FailureContext,
): unknown {
  const posts = call.saved().posts ?? 0;
  if (fence === 'none' && posts > 0 && tellsNothing(error)) {
    return toApplicationFailure(new LonghaulError('OUTCOME_UNKNOWN', error.message, { cause: error }), {
      posts,
    });
  }
  // A try that fails before it sends anything (say, on a worker that lacks the workspace) tells nothing of earlier ones.
  const isAnswer = posts > sentBefore && CLEAR_REJECTIONS.has(error.code);
  const mayHaveStarted = sentBefore > 0 && !isAnswer && error.code !== 'OUTCOME_UNKNOWN';
  if (!error.retryable && !mayHaveStarted) return toApplicationFailure(error, { posts });
  const retryInMs = troubleDelayMs(posts, error.retryAfterMs, random());
  return toApplicationFailure(error, { posts, retryInMs });
}
