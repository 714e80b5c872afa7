import type { Connection } from '../src/connector/connection';
import type { ErrorCode } from '../src/connector/errors';
import { jsonBytes } from '../src/connector/json';
import type { FailureCause } from '../src/connector/observation';
import type { TaskPhase } from '../src/connector/phase';
import { MESSAGE_LIMIT, type LogLink } from '../src/connector/resource';
import type { ResourceMeta } from '../src/connector/resource-meta';
import type { AttemptReceipt, TaskReceipt, TaskState } from './task-input';

/**
 * What a task shows of itself: kept in the memo (at most 4 KB), so that one `describe` answers without a worker.
 * Times in epoch milliseconds.
 */
export interface TaskView {
  readonly phase: TaskPhase;
  readonly message?: string;
  readonly links?: readonly LogLink[];
  readonly meta?: ResourceMeta;
  readonly externalId?: string;
  readonly attempt: number;
  readonly updatedAt: number;
  /** The code a task ended with, or shows while it is in trouble. */
  readonly code?: ErrorCode;
  /** Of a failed task: whose fault it is; `platform` and `quota` are worth another try. */
  readonly cause?: FailureCause;
  readonly unreachableSince?: number;
  /** Credentials that came with the task, sealed: whoever asks about its job needs them too. Without secrets: too large. */
  readonly connection?: Connection;
  readonly canceling?: { readonly requestedAt: number; readonly by?: string; readonly reason?: string };
  readonly terminal?: boolean;
  /** Of a terminal task: what was sent and what it started, its last attempts. */
  readonly receipt?: TaskReceipt;
}

export interface ViewExtras {
  readonly now: number;
  readonly code?: ErrorCode;
  readonly cause?: FailureCause;
  readonly terminal?: boolean;
  /** Overrides the resource's own message: what the task itself is doing. */
  readonly message?: string;
}

const LINKS_SHOWN = 5;
const RECEIPTS_SHOWN = 5;

/** The last `limit` attempts (all of them by default) and the cancel, as they are kept for good. */
export function toReceipt(state: TaskState, limit = state.attempts.length): TaskReceipt {
  const attempts = limit === 0 ? [] : state.attempts.slice(-limit);
  return state.cancel === undefined ? { attempts } : { attempts, cancel: state.cancel };
}

/** Never larger than {@link VIEW_LIMIT_BYTES}, whatever a connector says. */
export function toTaskView(state: TaskState, extras: ViewExtras): TaskView {
  let view = wholeView(state, extras);
  for (const lighter of REDUCTIONS) {
    if (jsonBytes(view) <= VIEW_LIMIT_BYTES) return view;
    view = lighter(view);
  }
  return view;
}

/** With the memo's other fields this stays below 4 KB. */
export const VIEW_LIMIT_BYTES = 3_500;

/** What goes first when a view is too large: the workflow's result keeps all of it. Phase, code and times stay. */
const REDUCTIONS: readonly ((view: TaskView) => TaskView)[] = [
  (view) =>
    withReceipt(view, ({ message: _message, decision: _decision, repairedEnds: _ends, ...row }) => row),
  (view) => withReceipt(view, ({ attempt, token, posts }) => ({ attempt, token, posts })),
  (view) => ({ ...view, ...(view.links === undefined ? {} : { links: view.links.slice(0, 1) }) }),
  (view) => ({ ...view, ...(view.message === undefined ? {} : { message: view.message.slice(0, 300) }) }),
  ({ links: _links, ...view }) => view,
  ({ receipt: _receipt, ...view }) => view,
  ({ connection, ...view }) =>
    connection === undefined ? view : { ...view, connection: { ...connection, secrets: {} } },
  ({ meta: _meta, ...view }) => view,
  ({ externalId: _externalId, ...view }) => view,
];

function withReceipt(view: TaskView, toRow: (row: AttemptReceipt) => AttemptReceipt): TaskView {
  const { receipt } = view;
  if (receipt === undefined) return view;
  return { ...view, receipt: { ...receipt, attempts: receipt.attempts.map(toRow) } };
}

function wholeView(state: TaskState, extras: ViewExtras): TaskView {
  const { phase, logLinks } = state.resource;
  const message = extras.message ?? messageOf(state);
  const externalId = state.attempts[state.attempt - 1]?.externalId;
  return {
    phase,
    attempt: state.attempt,
    updatedAt: extras.now,
    ...(message === undefined ? {} : { message: message.slice(0, MESSAGE_LIMIT) }),
    ...(logLinks === undefined ? {} : { links: logLinks.slice(0, LINKS_SHOWN) }),
    ...(state.meta === undefined ? {} : { meta: state.meta }),
    ...(externalId === undefined ? {} : { externalId }),
    ...(extras.code === undefined ? {} : { code: extras.code }),
    ...(extras.cause === undefined ? {} : { cause: extras.cause }),
    ...(state.trouble === undefined ? {} : { unreachableSince: state.trouble.since }),
    ...(state.connection === undefined ? {} : { connection: state.connection }),
    ...(state.cancel === undefined ? {} : { canceling: cancelOf(state.cancel) }),
    ...(extras.terminal === true ? { terminal: true, receipt: toReceipt(state, RECEIPTS_SHOWN) } : {}),
  };
}

function messageOf(state: TaskState): string | undefined {
  if (state.trouble === undefined) return state.resource.message;
  const since = new Date(state.trouble.since).toISOString();
  return `unreachable since ${since} (${state.trouble.code}: ${state.trouble.message}); the job itself is left alone`;
}

function cancelOf(cancel: NonNullable<TaskState['cancel']>): NonNullable<TaskView['canceling']> {
  const { requestedAt, by, reason } = cancel;
  return { requestedAt, ...(by === undefined ? {} : { by }), ...(reason === undefined ? {} : { reason }) };
}

/** The current details in the Temporal UI, as Markdown: phase, why, links, attempts. */
export function toMarkdown(view: TaskView, state: TaskState): string {
  const { phase, message = '', links = [] } = view;
  const words = message.startsWith(phase) ? message.slice(phase.length) : ` ${message}`;
  const paragraphs = [
    `**${phase}**${words}`.trim(),
    links.map((link) => `- [${link.name}](${link.uri})`).join('\n'),
    state.attempts.map(toAttemptLine).join('\n'),
  ];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

/** A line each: the Temporal UI sets the cells of a Markdown table without a gap. */
function toAttemptLine({ attempt, externalId, posts, phase }: AttemptReceipt): string {
  const job = externalId === undefined ? 'no run yet' : `run ${externalId}`;
  return `- attempt ${attempt}: ${job}, ${phase ?? 'submitting'}, sent ${posts} times`;
}

/** The label of a waiting activity on the Temporal UI's timeline: `RUNNING · run 4711`. */
export function toPollSummary(state: TaskState): string {
  const externalId = state.attempts[state.attempt - 1]?.externalId;
  const job = externalId === undefined ? '' : ` · run ${externalId}`;
  const trouble = state.trouble === undefined ? '' : ' · out of reach';
  return `${state.resource.phase}${job}${trouble}`;
}
