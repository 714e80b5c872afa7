import type { CreateInput, CreateResult } from '../src/connector/activity-contract';
import type { AsyncConnector } from '../src/connector/connector';
import { LonghaulError, type ErrorCode } from '../src/connector/errors';
import { assertSecretsAllowed } from '../src/connector/secret-reference';
import { countPosts, type ActivityCall, type PostRecord } from './activity-call';
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
        ...{ fence, input, random },
        sentBefore: sentBefore ?? call.saved().posts ?? 0,
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
export function tellsNothing(error: LonghaulError): boolean {
  return error.retryable || error.code === 'INTERNAL';
}

/** The requests by the end of a try that failed. */
export interface SentRequests extends PostRecord {
  /** Those of earlier tries: none was answered for good, or there would be no further try. */
  readonly sentBefore: number;
}

/**
 * May an earlier try have started something, and does this one not rule it out? Then asking again is the only way to
 * know. A try that fails before it sends anything (say, on a worker that lacks the workspace) tells nothing of others.
 */
export function isUnanswered(
  { code }: LonghaulError,
  { posts = 0, isWhole, sentBefore }: SentRequests,
): boolean {
  const isAnswer = posts > sentBefore && CLEAR_REJECTIONS.has(code);
  return (sentBefore > 0 || !isWhole) && !isAnswer && code !== 'OUTCOME_UNKNOWN';
}

interface FailureContext {
  readonly fence: AsyncConnector['capabilities']['fence'];
  readonly input: CreateInput;
  readonly sentBefore: number;
  readonly random: () => number;
}

function toCreateFailure(error: LonghaulError, call: ActivityCall, context: FailureContext): unknown {
  const { fence, sentBefore, random } = context;
  const sent = { ...countPosts(call), sentBefore };
  const { posts = 0 } = sent;
  if (fence === 'none' && posts > 0 && tellsNothing(error)) {
    return toApplicationFailure(new LonghaulError('OUTCOME_UNKNOWN', error.message, { cause: error }), {
      posts,
    });
  }
  const told = sent.posts === undefined ? {} : { posts };
  const spent = noteRefusal(error, call, { ...sent, input: context.input });
  if (spent !== undefined) return toApplicationFailure(spent, told);
  if (!error.retryable && !isUnanswered(error, sent)) return toApplicationFailure(error, told);
  const retryInMs = troubleDelayMs(posts, error.retryAfterMs, random());
  return toApplicationFailure(error, { ...told, retryInMs });
}

/**
 * Counts what was refused for now, and how long a quota has refused: the end of its budget is the end of the attempt,
 * unless a request went unanswered, whose job may be there all the same.
 */
function noteRefusal(
  error: LonghaulError,
  call: ActivityCall,
  { input, sentBefore, isWhole }: SentRequests & Pick<FailureContext, 'input'>,
): LonghaulError | undefined {
  const { posts = 0, refused = 0, quotaSince } = call.saved();
  const isRefused = error.code === 'RATE_LIMITED' && posts > sentBefore;
  if (!isRefused) return undefined;
  call.save({ refused: refused + 1 });
  if (!error.isQuota) return undefined;
  const now = call.context.now();
  const since = input.quotaSince ?? quotaSince ?? now;
  call.save({ quotaSince: since });
  const isOver = input.quotaBudgetMs !== undefined && now - since >= input.quotaBudgetMs;
  if (!isOver || !isWhole || refused + 1 < posts) return undefined;
  const words = `It did not ease in ${Math.round((now - since) / 1000)} s, which is all of quotaBudget.`;
  return new LonghaulError(error.code, `${error.message} ${words}`, { cause: error });
}
