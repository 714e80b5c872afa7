import {
  LonghaulError,
  type AsyncConnector,
  type CallContext,
  type Capabilities,
  type CreateRequest,
  type DeleteOutcome,
  type DeleteTarget,
  type ErrorCode,
  type JobFinder,
  type JobOutputs,
  type JsonObject,
  type LogSource,
  type LogsPage,
  type LogsRequest,
  type MetadataType,
  type Observation,
  type OutputsRequest,
  type RatedTaskQueues,
  type RepairRequest,
  type ResourceMeta,
  type TaskCategory,
  type TaskExecutionMetadata,
  type TaskMetric,
  type TaskOrJob,
  type TaskQueues,
  type TaskTemplate,
} from '../../connector';
import {
  accessForRun,
  accessForTask,
  authorizeTask,
  sentToBefore,
  toSentTo,
  workspaceAskedBy,
  type Access,
  type TaskAsker,
} from './databricks-access';
import { readRun, readRunWithHistory, readTaskOutput, startRun } from './databricks-api';
import { tryReadOutput } from './databricks-causes';
import type { DatabricksClient } from './databricks-client';
import { readClusterLogsPage } from './databricks-cluster-logs';
import { createDatabricksClients, type DatabricksClients } from './databricks-clients';
import { withWorkspaceDefaults } from './databricks-defaults';
import type { WorkspaceDirectory } from './databricks-directory';
import { assertFailurePolicy } from './databricks-failure-policy';
import type { FlyteDefaults } from './databricks-flyte';
import { createFinder } from './databricks-finder';
import { NO_IDENTITY, type IdentityPorts } from './databricks-identity';
import { findJobId } from './databricks-job-name';
import { isMissingOutput, readLogsPage, selectTasks } from './databricks-logs';
import { lookInTurn, notInTurn } from './databricks-look';
import { createMetadata, DatabricksJobMetadata } from './databricks-metadata';
import { toTaskMetrics } from './databricks-metrics';
import { noticesOn } from './databricks-notices';
import { FRESH_OUTPUTS, readOutputs } from './databricks-outputs';
import { queuesFor, ratedQueuesOf } from './databricks-queues';
import { repairRun, settleRepair } from './databricks-repair';
import { buildRequestBody, preparedJobId, resolveBody } from './databricks-request';
import { stopRun } from './databricks-stop';
import { parseDatabricksTask, SPARK_TASK_TYPE, type DatabricksTask } from './databricks-task';
import { readTaskRuns, type TaskRun } from './databricks-tasks';
import { toInstance } from './databricks-workspace';

/** Which workspaces the connectors reach, and as whom. */
export interface DatabricksConnectorOptions {
  /** A function is asked at each call, so that rotated credentials are taken up. */
  readonly workspaces: WorkspaceDirectory | (() => WorkspaceDirectory);
  /** Longhaul's version, for the user agent. */
  readonly version?: string;
  readonly flyte?: FlyteDefaults;
  /** Secrets, environment and cluster for the kinds of authentication that need them; without it plain values only. */
  readonly identity?: IdentityPorts;
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
    repair: true,
    synchronous: false,
    fence: 'token',
  };
  readonly logSources: readonly LogSource[] = ['output', 'cluster'];
  readonly taskQueues: TaskQueues;
  readonly finder: JobFinder;
  readonly #clients: DatabricksClients;
  readonly #flyte: FlyteDefaults;
  readonly #kubernetes: IdentityPorts['kubernetes'];

  /** `clients` lets several connectors share their pools and tokens. */
  constructor(options: DatabricksConnectorOptions, clients: DatabricksClients = createClients(options)) {
    this.#clients = clients;
    this.#flyte = options.flyte ?? {};
    this.#kubernetes = options.identity?.kubernetes;
    this.taskQueues = options.taskQueues ?? DEFAULT_TASK_QUEUES;
    this.finder = createFinder(clients, clients.directory);
  }

  taskQueuesFor(about: TaskOrJob): TaskQueues {
    const directory = this.#clients.directory();
    return queuesFor(directory, workspaceAskedBy(about, directory), this.taskQueues);
  }

  ratedTaskQueues(): readonly RatedTaskQueues[] {
    return ratedQueuesOf(this.#clients.directory(), this.taskQueues);
  }

  parseTask(template: TaskTemplate): void {
    parseDatabricksTask(template, this.#flyte);
  }

  noticesOn(template: TaskTemplate): readonly string[] {
    const task = parseDatabricksTask(template, this.#flyte);
    return task.isFlyte ? [] : noticesOn(task);
  }

  needsPreparation(template: TaskTemplate): boolean {
    return parseDatabricksTask(template, this.#flyte).jobName !== undefined;
  }

  /** A job's name becomes its id. @throws NOT_FOUND, INVALID_TASK when several jobs have the name. */
  async prepare(request: CreateRequest, call: CallContext): Promise<JsonObject> {
    const task = parseDatabricksTask(request.template, this.#flyte);
    if (task.jobName === undefined) return {};
    const { client } = await this.#accessFor(task, request, { call, isAdmitted: false });
    return { jobId: await findJobId(client, task.jobName, call) };
  }

  parseFailurePolicy(policy: JsonObject, template?: TaskTemplate): void {
    const body = template === undefined ? undefined : parseDatabricksTask(template, this.#flyte);
    assertFailurePolicy(policy, body);
  }

  authorize(about: TaskOrJob, taskExecution: TaskExecutionMetadata): void {
    authorizeTask(about, taskExecution, { directory: this.#clients.directory(), flyte: this.#flyte });
  }

  async create(request: CreateRequest, call: CallContext): Promise<Observation> {
    const start = await this.#readyStart(request, { call, isAdmitted: false });
    const meta = await sendStart(start, call);
    const message = `Submitted to Databricks as run ${meta.runId}${describeJob(start.task, request)}`;
    return {
      meta,
      resource: { phase: 'QUEUED', message },
      next: { kind: 'poll' },
    };
  }

  async get(meta: ResourceMeta, call: CallContext): Promise<Observation> {
    const { client, identity } = await this.#open(meta, call);
    return lookInTurn(client, identity, call);
  }

  /** Runs the failed parts of an ended run again; options `tasks`, `jobParameters`, `dependents`. @throws JOB_ACTIVE. */
  async repair({ meta, request, options }: RepairRequest, call: CallContext): Promise<Observation> {
    const { client, identity } = await this.#open(meta, call);
    return repairRun({ client, meta: identity, request, options }, call);
  }

  async delete(target: DeleteTarget, call: CallContext): Promise<DeleteOutcome> {
    if (target.kind === 'meta') {
      const { client, identity } = await this.#open(target.meta, call);
      const { repair } = target;
      const meta =
        repair === undefined ? identity : await settleRepair({ client, meta: identity, ...repair }, call);
      return stopRun(client, meta, call);
    }
    return this.#fenceOrNothing(target.request, call);
  }

  async getLogs(meta: ResourceMeta, request: LogsRequest, context: CallContext): Promise<LogsPage> {
    const call = notInTurn(context);
    const { client, identity } = await this.#open(meta, call);
    const run = await readRun(client, identity.runId, call);
    const tasks = readTaskRuns(run.tasks);
    if (request.source === 'cluster') {
      return readClusterLogsPage(run, request, { tasks, access: { client, call } });
    }
    return readLogsPage(selectTasks(tasks, request), request, async (taskRunId) => {
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
    return toTaskMetrics(await readRunWithHistory(client, identity.runId, notInTurn(call)));
  }

  async getOutputs(meta: ResourceMeta, request: OutputsRequest, context: CallContext): Promise<JobOutputs> {
    const call = notInTurn(context);
    const { client, identity } = await this.#open(meta, call);
    const run = await readRun(client, identity.runId, call);
    const tasks = selectTasks(readTaskRuns(run.tasks), request);
    const read = (task: TaskRun): Promise<JsonObject | undefined> => tryReadOutput(task, { client, call });
    return (await readOutputs(tasks, read, FRESH_OUTPUTS)).outputs;
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

  #accessFor(
    task: DatabricksTask,
    { taskExecution }: CreateRequest,
    { call, isAdmitted }: Asking,
  ): Promise<Access> {
    const ways = { clients: this.#clients, flyte: this.#flyte, kubernetes: this.#kubernetes };
    return accessForTask(task, { isAdmitted, taskExecution }, { ...ways, call });
  }

  async #readyStart(request: CreateRequest, asking: Asking): Promise<ReadyStart> {
    const parsed = parseDatabricksTask(request.template, this.#flyte);
    const sentTo = sentToBefore(asking.call, this.#clients.directory());
    const task = sentTo === undefined ? parsed : { ...parsed, workspace: sentTo };
    const isAdmitted = asking.isAdmitted || sentTo !== undefined;
    const access = await this.#accessFor(task, request, { ...asking, isAdmitted });
    const whole = withWorkspaceDefaults(task, access.client.workspace.defaults);
    const draft = buildRequestBody({ ...task, body: whole }, request);
    const { body, secrets } = await resolveBody(draft, asking.call.resolveSecret);
    return { ...access, task, body, secrets };
  }

  /** A request that is not well-formed, or whose job was not looked up yet, was never sent. */
  async #fenceOrNothing(request: CreateRequest, call: CallContext): Promise<DeleteOutcome> {
    try {
      buildRequestBody(parseDatabricksTask(request.template, this.#flyte), request);
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
    const start = await this.#readyStart(request, { call, isAdmitted: true });
    let meta: DatabricksJobMetadata;
    try {
      meta = await sendStart(start, call);
    } catch (thrown) {
      call.signal.throwIfAborted();
      const error = LonghaulError.from(thrown);
      if (!REFUSALS.has(error.code)) throw thrown;
      return { kind: 'nothing', message: `Databricks has no run for this attempt: ${error.message}` };
    }
    return stopRun(start.client, meta, call);
  }
}

/** A call on behalf of a task. */
type Asking = Pick<TaskAsker, 'isAdmitted'> & { readonly call: CallContext };

/** A start, ready to be sent. Lives as long as the call: it holds secret values. */
interface ReadyStart extends Access {
  readonly task: DatabricksTask;
  readonly body: JsonObject;
  readonly secrets: readonly string[];
}

async function sendStart(start: ReadyStart, call: CallContext): Promise<DatabricksJobMetadata> {
  const { task, client, kept, body, secrets } = start;
  const announce = (): void => call.announceSubmit(toSentTo(client.workspace));
  const runId = await startRun(client, { operation: task.operation, body, secrets, announce }, call);
  return { ...createMetadata(toInstance(client.workspace.host), runId, task.isFlyte), ...kept };
}

/** Which job a name stood for, where a name was given. */
function describeJob({ jobName }: DatabricksTask, request: CreateRequest): string {
  return jobName === undefined ? '' : ` of job ${preparedJobId(request) ?? ''}, ${JSON.stringify(jobName)}`;
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
  identity = NO_IDENTITY,
}: DatabricksConnectorOptions): DatabricksClients {
  return createDatabricksClients(workspaces, { version, processes, identity });
}
