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
  type ResourceMeta,
  type TaskCategory,
  type TaskExecutionMetadata,
  type TaskMetric,
  type TaskOrJob,
  type TaskQueues,
  type TaskTemplate,
} from '../../connector';
import { accessForRun, accessForTask, authorizeTask, type Access, type TaskAsker } from './databricks-access';
import { cancelRun, readRun, readTaskOutput, startRun } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import { createDatabricksClients, type DatabricksClients } from './databricks-clients';
import { withWorkspaceDefaults } from './databricks-defaults';
import type { WorkspaceDirectory } from './databricks-directory';
import type { FlyteDefaults } from './databricks-flyte';
import { NO_IDENTITY, type IdentityPorts } from './databricks-identity';
import { isMissingOutput, readLogsPage } from './databricks-logs';
import { createMetadata, DatabricksJobMetadata } from './databricks-metadata';
import { toTaskMetrics } from './databricks-metrics';
import { observeRun } from './databricks-observe';
import { buildRequestBody, resolveBody } from './databricks-request';
import { parseDatabricksTask, SPARK_TASK_TYPE, type DatabricksTask } from './databricks-task';
import { readTaskRuns } from './databricks-tasks';
import { toInstance } from './databricks-workspace';

export interface DatabricksConnectorOptions {
  /** A function is asked at each call, so that rotated credentials are taken up. */
  readonly workspaces: WorkspaceDirectory | (() => WorkspaceDirectory);
  /** Longhaul's version, for the user agent. */
  readonly version?: string;
  readonly flyte?: FlyteDefaults;
  /** Secrets, environment and cluster for the kinds of authentication that need them; without it plain values only. */
  readonly identity?: IdentityPorts;
  /** Where its activities run; default `databricks` and `databricks:control`. A pair of its own keeps a busy workspace apart. */
  readonly taskQueues?: TaskQueues;
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
  readonly #kubernetes: IdentityPorts['kubernetes'];

  /** `clients` lets several connectors share their pools and tokens. */
  constructor(options: DatabricksConnectorOptions, clients: DatabricksClients = createClients(options)) {
    this.#clients = clients;
    this.#flyte = options.flyte ?? {};
    this.#kubernetes = options.identity?.kubernetes;
    this.taskQueues = options.taskQueues ?? DEFAULT_TASK_QUEUES;
  }

  parseTask(template: TaskTemplate): void {
    parseDatabricksTask(template, this.#flyte);
  }

  authorize(about: TaskOrJob, taskExecution: TaskExecutionMetadata): void {
    authorizeTask(about, taskExecution, { directory: this.#clients.directory(), flyte: this.#flyte });
  }

  async create(request: CreateRequest, call: CallContext): Promise<Observation> {
    const prepared = await this.#prepare(request, call, { isAdmitted: false });
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
    return observeRun({ client, meta: identity, run }, call);
  }

  async delete(target: DeleteTarget, call: CallContext): Promise<DeleteOutcome> {
    if (target.kind === 'meta') {
      const { client, identity } = await this.#open(target.meta, call);
      return stopRun(client, identity, call);
    }
    return this.#fenceOrNothing(target.request, call);
  }

  async getLogs(meta: ResourceMeta, request: LogsRequest, call: CallContext): Promise<LogsPage> {
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
    return toTaskMetrics(await readRun(client, identity.runId, call));
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
    return { client: await accessForRun(identity, call, this.#clients), identity };
  }

  async #prepare(
    request: CreateRequest,
    call: CallContext,
    { isAdmitted }: Pick<TaskAsker, 'isAdmitted'>,
  ): Promise<PreparedStart> {
    const task = parseDatabricksTask(request.template, this.#flyte);
    const asker = { isAdmitted, taskExecution: request.taskExecution };
    const ways = { clients: this.#clients, flyte: this.#flyte, kubernetes: this.#kubernetes };
    const access = await accessForTask(task, asker, { ...ways, call });
    const whole = withWorkspaceDefaults(task, access.client.workspace.defaults);
    const draft = buildRequestBody({ ...task, body: whole }, request);
    const { body, secrets } = await resolveBody(draft, call.resolveSecret);
    return { ...access, task, body, secrets };
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
    const prepared = await this.#prepare(request, call, { isAdmitted: true });
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
interface PreparedStart extends Access {
  readonly task: DatabricksTask;
  readonly body: JsonObject;
  readonly secrets: readonly string[];
}

async function startPrepared(prepared: PreparedStart, call: CallContext): Promise<DatabricksJobMetadata> {
  const { task, client, kept, body, secrets } = prepared;
  const announce = (): void => call.announceSubmit();
  const runId = await startRun(client, { operation: task.operation, body, secrets, announce }, call);
  return { ...createMetadata(toInstance(client.workspace.host), runId, task.isFlyte), ...kept };
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
  identity = NO_IDENTITY,
}: DatabricksConnectorOptions): DatabricksClients {
  return createDatabricksClients(workspaces, { version, identity });
}

/** Asks for the stop and looks; called again until the run is seen to have ended. */
async function stopRun(
  client: DatabricksClient,
  meta: DatabricksJobMetadata,
  call: CallContext,
): Promise<DeleteOutcome> {
  try {
    await requestCancel(client, meta.runId, call);
    const run = await readRun(client, meta.runId, call);
    const { resource, next } = await observeRun({ client, meta, run }, call);
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
