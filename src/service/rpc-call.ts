import type { Metadata } from '@grpc/grpc-js';

import type { RpcCall } from './handlers';

/** Callers that name no deadline get this one, so that none waits for ever on a hung dependency. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** Before the caller gives up we answer ourselves, so that it learns more than its own clock says. */
const ANSWER_MARGIN_MS = 100;
/** Node's timers take no longer delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;

const MAX_NAME_LENGTH = 100;

/** What all of grpc-js's server calls have in common. */
export interface SurfaceCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  once(event: 'cancelled', listener: () => void): unknown;
  removeListener(event: 'cancelled', listener: () => void): unknown;
}

/** Why a call is over before its handler is. */
export type CallEnding = { readonly kind: 'canceled' } | { readonly kind: 'deadline' };

/** A call as long as it is open. */
export interface OpenCall {
  readonly call: RpcCall;
  /** Resolves when the caller has gone, or shortly before its deadline; never after `close`. */
  readonly ended: Promise<CallEnding>;
  /** The same, for a look at it now. */
  ending(): CallEnding | undefined;
  taskType(): string | undefined;
  taskId(): string | undefined;
  /** Releases the timer; the signal does not fire any more. */
  close(): void;
}

/** Watches over one call: its deadline, its caller's presence, its task type. */
export function openCall(surface: SurfaceCall, defaultTimeoutMs = DEFAULT_TIMEOUT_MS): OpenCall {
  const deadline = toDeadline(surface.getDeadline(), defaultTimeoutMs);
  const watch = watchEnd(surface, deadline);
  let taskType: string | undefined;
  let taskId: string | undefined;
  const call: RpcCall = {
    deadline,
    get signal() {
      return watch.signal();
    },
    noteTaskType: (name) => (taskType = toShownName(name)),
    noteTaskId: (id) => (taskId = id),
  };
  const { ended, ending, close } = watch;
  return { ended, ending, close, call, taskType: () => taskType, taskId: () => taskId };
}

function watchEnd(surface: SurfaceCall, deadline: number): EndWatch {
  let controller: AbortController | undefined;
  let ending: CallEnding | undefined;
  let tell: (ending: CallEnding) => void;
  const ended = new Promise<CallEnding>((resolve) => (tell = resolve));
  const end = (how: CallEnding): void => {
    ending ??= how;
    controller?.abort(reasonOf(ending));
    tell(how);
  };
  const cancel = (): void => end({ kind: 'canceled' });
  const timer = setTimeout(() => end({ kind: 'deadline' }), delayUntilAnswer(deadline, Date.now()));
  surface.once('cancelled', cancel);
  if (surface.cancelled) cancel();
  const close = (): void => {
    clearTimeout(timer);
    surface.removeListener('cancelled', cancel);
  };
  const signal = (): AbortSignal => {
    controller ??= new AbortController();
    if (ending !== undefined) controller.abort(reasonOf(ending));
    return controller.signal;
  };
  return { signal, ended, ending: () => ending, close };
}

/** Undefined for the platform's own AbortError. */
function reasonOf({ kind }: CallEnding): DOMException | undefined {
  return kind === 'deadline' ? new DOMException('The deadline has passed.', 'TimeoutError') : undefined;
}

interface EndWatch extends Pick<OpenCall, 'ended' | 'ending' | 'close'> {
  /** Made when somebody asks for it: most handlers never do. */
  signal(): AbortSignal;
}

/** Callers may send anything, and it stands in a line of the log. */
function toShownName(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).replace(/[^\x20-\x7e]/g, '?');
}

function toDeadline(deadline: Date | number, defaultTimeoutMs: number): number {
  const at = Number(deadline);
  return Number.isFinite(at) ? at : Date.now() + defaultTimeoutMs;
}

/** Of a short time the margin is a tenth, or nothing would be left of it. */
function delayUntilAnswer(deadline: number, now: number): number {
  const left = Math.max(0, deadline - now);
  return Math.min(left - Math.min(ANSWER_MARGIN_MS, left / 10), MAX_DELAY_MS);
}
