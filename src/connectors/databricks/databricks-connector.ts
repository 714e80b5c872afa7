import {
  LonghaulError,
  type AsyncConnector,
  type CallContext,
  type Capabilities,
  type CreateRequest,
  type DeleteOutcome,
  type DeleteTarget,
  type ErrorCode,
  type JsonObject,
  type LogsPage,
  type LogsRequest,
  type MetadataType,
  type Observation,
  type RatedTaskQueues,
  type ResourceMeta,
  type TaskCategory,
  type TaskMetric,
  type TaskOrJob,
  type TaskQueues,
  type TaskTemplate,
} from '../../connector';
import { cancelRun, readRun, readTaskOutput, startRun, type Run } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import { createDatabricksClients, type DatabricksClients } from './databricks-clients';
import type { WorkspaceDirectory } from './databricks-config';
import type { FlyteDefaults } from './databricks-flyte';
import { isMissingOutput, readLogsPage } from './databricks-logs';
import { createMetadata, DatabricksJobMetadata } from './databricks-metadata';
import { toTaskMetrics } from './databricks-metrics';
import { observeRun } from './databricks-observe';
import { queuesFor, ratedQueuesOf } from './databricks-queues';
import { buildRequestBody, resolveBody } from './databricks-request';
import { parseDatabricksTask, SPARK_TASK_TYPE, type DatabricksTask } from './databricks-task';
import { readTaskToken } from './databricks-task-token';
import { readTaskRuns } from './databricks-tasks';
import { toInstance } from './databricks-workspace';

export interface DatabricksConnectorOptions {
  /** A function is asked at each call, so that rotated credentials are taken up. */
  readonly workspaces: WorkspaceDirectory | (() => WorkspaceDirectory);
  /** Longhaul's version, for the user agent. */
  readonly version?: string;
  readonly flyte?: FlyteDefaults;
  /**
   * Where its activities run; default `databricks` and `databricks:control`. A workspace with limits has a pair of its
   * own, named after its host.
   */
  readonly taskQueues?: TaskQueues;
  /** Processes that share the request budgets of the workspaces, this one included; default 1. */
  readonly processes?: number;
}

const DEFAULT_TASK_QUEUES: TaskQueues = { polls: 'databricks', control: 'databricks:control' };

/** Where no version is given; what is deployed says its own. */
const UNKNOWN_VERSION = '0.0.0';

/** Refusals after which a start has certainly not happened. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'INVALID_TASK',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'RUN_GONE',
]);

/**
 * Runs tasks of type `databricks` on Databricks: a Jobs API body, or what Flyte's Spark plugin writes.
 * One run per idempotency token, whatever is repeated: Databricks gives the same run for the same token.
 */
export class DatabricksConnectorV2 implements AsyncConnector {
  readonly name = 'Databricks Connector';
  readonly taskCategory: TaskCategory = { name: 'databricks', version: 0 };
  readonly metadataType: MetadataType<ResourceMeta> = DatabricksJobMetadata;
  readonly capabilities: Capabilities = {
    logs: true,
    metrics: true,
    repair: false,
    synchronous: false,
    fence: 'token',
  };
  readonly taskQueues: TaskQueues;
  readonly #clients: DatabricksClients;
  readonly #flyte: FlyteDefaults;
  readonly #directory: () => WorkspaceDirectory;

  /** `clients` lets several connectors share their pools and tokens. */
  constructor(options: DatabricksConnectorOptions, clients: DatabricksClients = createClients(options)) {
    this.#clients = clients;
    this.#flyte = options.flyte ?? {};
    this.taskQueues = options.taskQueues ?? DEFAULT_TASK_QUEUES;
    const { workspaces } = options;
    this.#directory = typeof workspaces === 'function' ? workspaces : () => workspaces;
  }

  taskQueuesFor(about: TaskOrJob): TaskQueues {
    const selector =
      'meta' in about
        ? DatabricksJobMetadata.parse(about.meta).databricksInstance
        : parseDatabricksTask(about.template, this.#flyte).workspace;
    return queuesFor(this.#directory(), selector, this.taskQueues);
  }

  ratedTaskQueues(): readonly RatedTaskQueues[] {
    return ratedQueuesOf(this.#directory(), this.taskQueues);
  }

  parseTask(template: TaskTemplate): void {
    parseDatabricksTask(template, this.#flyte);
  }

  async create(request: CreateRequest, call: CallContext): Promise<Observation> {
    const prepared = await this.#prepare(request, call);
    const meta = await startPrepared(prepared, call);
    return {
      meta,
      resource: { phase: 'QUEUED', message: `Submitted to Databricks as run ${meta.runId}` },
      next: { kind: 'poll' },
    };
  }

  async get(meta: ResourceMeta, call: CallContext): Promise<Observation> {
    const { client, identity } = await this.#open(meta, call);
    const run = await readRun(client, identity.runId, call);
    const rest = { ...call, lane: 'rest' } as const;
    return paced(await observeRun({ client, meta: identity, run }, rest), client, run);
  }

  async delete(target: DeleteTarget, call: CallContext): Promise<DeleteOutcome> {
    if (target.kind === 'meta') {
      const { client, identity } = await this.#open(target.meta, call);
      return stopRun(client, identity, call);
    }
    return this.#fenceOrNothing(target.request, call);
  }

  async getLogs(meta: ResourceMeta, request: LogsRequest, context: CallContext): Promise<LogsPage> {
    const call = { ...context, lane: 'rest' } as const;
    const { client, identity } = await this.#open(meta, call);
    const run = await readRun(client, identity.runId, call);
    return readLogsPage(readTaskRuns(run.tasks), request, async (taskRunId) => {
      try {
        return await readTaskOutput(client, taskRunId, call);
      } catch (thrown) {
        call.signal.throwIfAborted();
        if (isMissingOutput(thrown)) return undefined;
        throw thrown;
      }
    });
  }

  async getMetrics(meta: ResourceMeta, call: CallContext): Promise<readonly TaskMetric[]> {
    const { client, identity } = await this.#open(meta, call);
    return toTaskMetrics(await readRun(client, identity.runId, { ...call, lane: 'rest' }));
  }

  /** Closes the connections, also those of connectors that share them. */
  close(): Promise<void> {
    return this.#clients.close();
  }

  async #open(
    meta: ResourceMeta,
    call: CallContext,
  ): Promise<{ client: DatabricksClient; identity: DatabricksJobMetadata }> {
    const identity = DatabricksJobMetadata.parse(meta);
    const token = await readTaskToken(call);
    return { client: this.#clients.find(identity.databricksInstance, token), identity };
  }

  async #prepare(request: CreateRequest, call: CallContext): Promise<PreparedStart> {
    const task = parseDatabricksTask(request.template, this.#flyte);
    const client = this.#clients.find(task.workspace, await readTaskToken(call));
    const { body, secrets } = await resolveBody(buildRequestBody(task, request), call.resolveSecret);
    return { task, client, body, secrets };
  }

  /** A request that is not well-formed was never sent. */
  async #fenceOrNothing(request: CreateRequest, call: CallContext): Promise<DeleteOutcome> {
    try {
      this.parseTask(request.template);
    } catch (thrown) {
      return { kind: 'nothing', message: `Nothing was sent: ${LonghaulError.from(thrown).message}` };
    }
    return this.#fence(request, call);
  }

  /**
   * A submit of unknown outcome may still commit, so looking for it is not enough: the same body with the same token
   * gives the run it made, or makes it now, and that run is stopped.
   */
  async #fence(request: CreateRequest, call: CallContext): Promise<DeleteOutcome> {
    const prepared = await this.#prepare(request, call);
    let meta: DatabricksJobMetadata;
    try {
      meta = await startPrepared(prepared, call);
    } catch (thrown) {
      call.signal.throwIfAborted();
      const error = LonghaulError.from(thrown);
      if (!REFUSALS.has(error.code)) throw thrown;
      return { kind: 'nothing', message: `Databricks has no run for this attempt: ${error.message}` };
    }
    return stopRun(prepared.client, meta, call);
  }
}

/** A start, ready to be sent. Lives as long as the call: it holds secret values. */
interface PreparedStart {
  readonly task: DatabricksTask;
  readonly client: DatabricksClient;
  readonly body: JsonObject;
  readonly secrets: readonly string[];
}

async function startPrepared(prepared: PreparedStart, call: CallContext): Promise<DatabricksJobMetadata> {
  const { task, client, body, secrets } = prepared;
  const announce = (): void => call.announceSubmit();
  const runId = await startRun(client, { operation: task.operation, body, secrets, announce }, call);
  return createMetadata(toInstance(client.workspace.host), runId, task.isFlyte);
}

/** The same for tasks of type `spark`, which Flyte's Kubernetes Spark plugin may claim instead. */
export class DatabricksConnector extends DatabricksConnectorV2 {
  override readonly taskCategory: TaskCategory = { name: SPARK_TASK_TYPE, version: 0 };
}

/** Both connectors, sharing pools and tokens; `close()` of either closes them. */
export function createDatabricksConnectors(options: DatabricksConnectorOptions): DatabricksConnectorV2[] {
  const clients = createClients(options);
  return [new DatabricksConnectorV2(options, clients), new DatabricksConnector(options, clients)];
}

function createClients({
  workspaces,
  version = UNKNOWN_VERSION,
  processes,
}: DatabricksConnectorOptions): DatabricksClients {
  return createDatabricksClients(workspaces, { version, processes });
}

/** A pause below Temporal's own grain says nothing. */
const SHORTEST_PAUSE_MS = 1_000;

/** The next look keeps the distance that the open runs of the workspace need together. */
function paced(observation: Observation, { looks }: DatabricksClient, run: Run): Observation {
  const { meta, next } = observation;
  const { runId } = DatabricksJobMetadata.parse(meta);
  if (next.kind !== 'poll') {
    looks.ended(runId);
    return observation;
  }
  const atLeastMs = looks.pauseAfter({ runId, requests: run.requests });
  return atLeastMs <= SHORTEST_PAUSE_MS ? observation : { ...observation, next: { ...next, atLeastMs } };
}

/** Asks for the stop and looks; called again until the run is seen to have ended. */
async function stopRun(
  client: DatabricksClient,
  meta: DatabricksJobMetadata,
  call: CallContext,
): Promise<DeleteOutcome> {
  try {
    await requestCancel(client, meta.runId, call);
    const rest = { ...call, lane: 'rest' } as const;
    const run = await readRun(client, meta.runId, rest);
    const { resource, next } = await observeRun({ client, meta, run }, rest);
    client.looks.ended(meta.runId);
    return { kind: next.kind === 'done' ? 'stopped' : 'stopping', meta, resource };
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!(thrown instanceof LonghaulError) || thrown.code !== 'RUN_GONE') throw thrown;
    const message = `Run ${meta.runId} no longer exists at Databricks, so nothing of it runs.`;
    return { kind: 'stopped', meta, resource: { phase: 'ABORTED', message } };
  }
}

/** A refused cancel says little (a run that has ended may refuse it): the look that follows decides. */
async function requestCancel(client: DatabricksClient, runId: string, call: CallContext): Promise<void> {
  try {
    await cancelRun(client, runId, call);
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!(thrown instanceof LonghaulError) || thrown.code !== 'INTERNAL') throw thrown;
    call.logger.warn('Databricks refused to cancel the run; looking whether it has ended.', {
      runId,
      reason: thrown.message,
    });
  }
}
