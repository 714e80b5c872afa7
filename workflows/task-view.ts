import type { ErrorCode } from '../src/connector/errors';
import type { TaskPhase } from '../src/connector/phase';
import { MESSAGE_LIMIT, type LogLink } from '../src/connector/resource';
import type { ResourceMeta } from '../src/connector/resource-meta';
import type { TaskReceipt, TaskState } from './task-input';

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
  readonly unreachableSince?: number;
  readonly canceling?: { readonly requestedAt: number; readonly by?: string; readonly reason?: string };
  readonly terminal?: boolean;
  /** Of a terminal task: what was sent and what it started, its last attempts. */
  readonly receipt?: TaskReceipt;
}

export interface ViewExtras {
  readonly now: number;
  readonly code?: ErrorCode;
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

export function toTaskView(state: TaskState, extras: ViewExtras): TaskView {
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
    ...(state.trouble === undefined ? {} : { unreachableSince: state.trouble.since }),
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
  const links = (view.links ?? []).map((link) => `- [${link.name}](${link.uri})`);
  const rows = state.attempts.map(
    (row) => `| ${row.attempt} | ${row.externalId ?? '–'} | ${row.posts} | ${row.phase ?? 'submitting'} |`,
  );
  return [
    `**${view.phase}** ${view.message ?? ''}`.trim(),
    ...(links.length === 0 ? [] : ['', ...links]),
    ...(rows.length === 0
      ? []
      : ['', '| attempt | external job | POSTs | phase |', '|---|---|---|---|', ...rows]),
  ].join('\n');
}

/** The label of a waiting activity on the Temporal UI's timeline: `RUNNING · run 4711`. */
export function toPollSummary(state: TaskState): string {
  const externalId = state.attempts[state.attempt - 1]?.externalId;
  const job = externalId === undefined ? '' : ` · run ${externalId}`;
  const trouble = state.trouble === undefined ? '' : ' · out of reach';
  return `${state.resource.phase}${job}${trouble}`;
}
