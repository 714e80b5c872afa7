import type { TaskClient } from '../../client';
import type { Logger } from '../../connector/connector';
import type { ConnectorRegistry } from '../../connector/registry';
import type { Resource } from '../../connector/resource';
import type { RpcCall } from '../handlers';
import type { BoundedMap } from './bounded-map';
import type { Connections } from './connections';
import type { LastAnswers } from './last-answers';
import type { Prevention } from './prevention';

/** What the calls of one service share. */
export interface ServiceContext {
  readonly tasks: TaskClient;
  readonly registry: ConnectorRegistry;
  /** Tells several Flyte clusters on one Temporal apart. */
  readonly cluster: string;
  readonly connections: Connections;
  readonly lastAnswers: LastAnswers;
  /** Resources of succeeded runs, by run id. */
  readonly results: BoundedMap<Resource>;
  readonly prevention: Prevention;
  /** The task's page in the Temporal UI, where one is known. */
  taskUrl(id: string): string | undefined;
  /** An answer was given from memory. */
  onStaleAnswer(): void;
  readonly logger: Logger;
}

/** Left between Temporal's answer and the caller's deadline, so that ours still arrives. */
const MARGIN_MS = 300;
/** Temporal answers within milliseconds or is in trouble; a caller with a long deadline need not wait for that. */
const LONGEST_WAIT_MS = 5_000;

/** Runs calls to Temporal so that they end before the caller's deadline. */
export function withinCall<T>({ tasks }: ServiceContext, call: RpcCall, act: () => Promise<T>): Promise<T> {
  const { signal } = call;
  return tasks.within({ deadline: deadlineFor(call), signal }, act);
}

/** Epoch milliseconds until which Temporal may take for its part of a call. */
export function deadlineFor(call: RpcCall, longestMs = LONGEST_WAIT_MS): number {
  return Math.min(call.deadline - MARGIN_MS, Date.now() + longestMs);
}
