import { CancelledFailure } from '@temporalio/common';

import type { ConnectorCall, Observed } from '../src/connector/activity-contract';
import type { AsyncConnector } from '../src/connector/connector';
import { LonghaulError } from '../src/connector/errors';
import type { Observation } from '../src/connector/observation';
import { withActivityCall, type ActivityCall } from './activity-call';
import { recordCall, type CallOutcome } from './metrics';
import type { ActivityDependencies } from './ports';

/** Which connector is called, for whom, and with whose credentials. */
export type CalledConnector = Pick<
  ConnectorCall,
  'taskCategory' | 'connection' | 'taskExecution' | 'failurePolicy' | 'quotaWaits'
>;

export interface ConnectorRun {
  readonly connector: AsyncConnector;
  readonly call: ActivityCall;
}

export interface RunOptions<T> {
  readonly graceMs?: number;
  readonly run: (run: ConnectorRun) => Promise<T>;
  /** Gives the result for an error, or throws what Temporal shall see. Never called for a cancellation. */
  readonly onError: (error: LonghaulError, call: ActivityCall) => T;
}

/**
 * The one wrapper around every connector: finds it, gives it its surroundings, keeps secrets out of what comes back,
 * counts the call, lets cancellation through first and turns everything else into our error.
 */
export async function runConnector<T>(
  dependencies: ActivityDependencies,
  { taskCategory: category, connection, taskExecution, failurePolicy, quotaWaits }: CalledConnector,
  options: RunOptions<T>,
): Promise<T> {
  const { secrets, registry } = dependencies;
  const grace = options.graceMs === undefined ? {} : { graceMs: options.graceMs };
  const about = {
    ...(failurePolicy === undefined ? {} : { failurePolicy }),
    ...(quotaWaits === undefined ? {} : { quotaWaits }),
  };
  return withActivityCall({ secrets, connection, taskExecution, about, ...grace }, async (call) => {
    const began = performance.now();
    const record = (outcome: CallOutcome): void => {
      recordCall(category.name, outcome, Math.round(performance.now() - began));
    };
    try {
      const connector = registry.getConnector(category.name, category.version);
      const result = secrets.redact(await options.run({ connector, call }));
      record('ok');
      return result;
    } catch (error) {
      const isCanceled = error instanceof CancelledFailure || call.context.signal.aborted;
      record(isCanceled ? 'canceled' : LonghaulError.from(error).code);
      if (isCanceled) throw error;
      return options.onError(redactError(dependencies, LonghaulError.from(error)), call);
    }
  });
}

function redactError({ secrets }: ActivityDependencies, error: LonghaulError): LonghaulError {
  const message = secrets.redact(error.message);
  if (message === error.message) return error;
  const { advice, field, retryAfterMs, isHeldBack, isQuota } = error;
  return new LonghaulError(error.code, message, {
    ...(advice === undefined ? {} : { advice: secrets.redact(advice) }),
    ...(field === undefined ? {} : { field }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    isHeldBack,
    isQuota,
  });
}

/** @throws UNSUPPORTED by the connector's name where it lacks the method. */
export function offered<T>({ connector }: ConnectorRun, operation: string, method: T | undefined): T {
  if (method !== undefined) return method;
  throw new LonghaulError('UNSUPPORTED', `${connector.name} does not offer ${operation}.`);
}

export function toObserved({ connector }: ConnectorRun, observation: Observation): Observed {
  return { observation, externalId: connector.metadataType.externalId(observation.meta) };
}
