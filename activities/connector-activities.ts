import type {
  ConnectorActivities,
  ExecuteInput,
  LogsInput,
  MetricsInput,
  Observed,
  OutputsInput,
  OutputsResult,
  PrepareInput,
  PrepareResult,
} from '../src/connector/activity-contract';
import { sealerFor } from '../src/config/sealed-reply';
import type { LogsPage, TaskMetric } from '../src/connector/connector';
import type { ErrorCode, LonghaulError } from '../src/connector/errors';
import { create } from './create';
import { deleteJob } from './delete';
import { toApplicationFailure } from './failures';
import { get } from './get';
import { troubleDelayMs } from './poll-delay';
import type { ActivityDependencies } from './ports';
import { repair } from './repair';
import { offered, runConnector, toObserved, type CalledConnector, type ConnectorRun } from './run-connector';

/** The activities of the contract around the connectors of a registry. */
export function createConnectorActivities(dependencies: ActivityDependencies): ConnectorActivities {
  return {
    prepare: (input) => prepare(dependencies, input),
    create: (input) => create(dependencies, input),
    get: (input) => get(dependencies, input),
    delete: (input) => deleteJob(dependencies, input),
    execute: (input) => execute(dependencies, input),
    repair: (input) => repair(dependencies, input),
    getLogs: (input) => getLogs(dependencies, input),
    getMetrics: (input) => getMetrics(dependencies, input),
    getOutputs: (input) => getOutputs(dependencies, input),
  };
}

function prepare(dependencies: ActivityDependencies, input: PrepareInput): Promise<PrepareResult> {
  return runWaitingOut(isRetryable, { dependencies, input }, async (run) => {
    const operation = offered(run, 'prepare', run.connector.prepare?.bind(run.connector));
    return { prepared: await operation(input.request, run.call.context) };
  });
}

function execute(dependencies: ActivityDependencies, input: ExecuteInput): Promise<Observed> {
  return runWaitingOut(isTrouble, { dependencies, input }, async (run) => {
    const operation = offered(run, 'execute', run.connector.execute?.bind(run.connector));
    return toObserved(run, await operation(run.connector.metadataType.parse(input.meta), run.call.context));
  });
}

function getLogs(dependencies: ActivityDependencies, input: LogsInput): Promise<LogsPage> {
  return runOnce(dependencies, input, async (run) => {
    const operation = offered(run, 'logs', run.connector.getLogs?.bind(run.connector));
    return operation(run.connector.metadataType.parse(input.meta), input.request, run.call.context);
  });
}

function getMetrics(dependencies: ActivityDependencies, input: MetricsInput): Promise<readonly TaskMetric[]> {
  return runOnce(dependencies, input, async (run) => {
    const operation = offered(run, 'metrics', run.connector.getMetrics?.bind(run.connector));
    return operation(run.connector.metadataType.parse(input.meta), run.call.context);
  });
}

/** Sealed only after the wrapper has taken our own secrets out. */
async function getOutputs(dependencies: ActivityDependencies, input: OutputsInput): Promise<OutputsResult> {
  let seal: ((answer: unknown) => string) | undefined;
  const outputs = await runOnce(dependencies, input, async (run) => {
    const operation = offered(run, 'outputs', run.connector.getOutputs?.bind(run.connector));
    seal = sealerFor(input.replyKey);
    return operation(run.connector.metadataType.parse(input.meta), input.request, run.call.context);
  });
  return { sealed: seal?.(outputs) ?? '' };
}

/** A healthy job is waited for while nobody can ask about it: operators mend credentials and configuration. */
const CREDENTIAL_TROUBLE: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'SECRET_UNAVAILABLE',
  'CONFIG',
]);

function isRetryable(error: LonghaulError): boolean {
  return error.retryable;
}

function isTrouble(error: LonghaulError): boolean {
  return error.retryable || CREDENTIAL_TROUBLE.has(error.code);
}

interface Called {
  readonly dependencies: ActivityDependencies;
  readonly input: CalledConnector;
}

function runWaitingOut<T>(
  waitsOut: (error: LonghaulError) => boolean,
  { dependencies, input }: Called,
  run: (run: ConnectorRun) => Promise<T>,
): Promise<T> {
  const random = (dependencies.random ?? Math.random)();
  return runConnector(dependencies, input, {
    run,
    onError: (error, call) => {
      const retryInMs = troubleDelayMs(call.attempt, error.retryAfterMs, random);
      throw toApplicationFailure(error, waitsOut(error) ? { retryInMs } : {});
    },
  });
}

/** For reads that a person waits for: the error comes back at once. */
function runOnce<T>(
  dependencies: ActivityDependencies,
  input: CalledConnector,
  run: (run: ConnectorRun) => Promise<T>,
): Promise<T> {
  return runConnector(dependencies, input, {
    run,
    onError: (error) => {
      throw toApplicationFailure(error);
    },
  });
}
