import type { LogsPage, TaskMetric } from '../../connector/connector';
import type { JsonObject, JsonValue } from '../../connector/json';
import type { TaskPhase } from '../../connector/phase';
import type { ConnectorMetadata } from '../../connector/registry';
import type { LogLink } from '../../connector/resource';
import type { TaskCategory, TaskExecutionMetadata, TaskTemplate } from '../../connector/task-template';
import type { RpcCall } from '../handlers';

/** Flyte's `TaskExecutionIdentifier`, flat: names one attempt of one task of one execution for ever. */
export interface FlyteExecutionId {
  readonly org: string;
  readonly project: string;
  readonly domain: string;
  readonly execution: string;
  readonly node: string;
  readonly task: string;
  /** `retry_attempt`, from 0. */
  readonly attempt: number;
}

/** A CreateTask of either version. */
export interface NewTask {
  readonly template: TaskTemplate;
  /** Plain JSON values of the inputs, by name. */
  readonly inputs?: JsonObject;
  readonly outputPrefix?: string;
  /** Absent when the caller sent no metadata. */
  readonly executionId?: FlyteExecutionId;
  readonly taskExecution?: TaskExecutionMetadata;
  /** Secret values by name (Flyte 2's `connection.secrets`): sealed before they go anywhere. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** A Get, Delete, GetTaskLogs or GetTaskMetrics of either version. */
export interface KnownTask {
  readonly resourceMeta: Uint8Array;
  /** What the caller says the task is; its meta decides where both speak. */
  readonly taskCategory: TaskCategory;
  readonly secrets?: Readonly<Record<string, string>>;
}

/** What either version makes its `Resource` of. */
export interface TaskResource {
  /** Never UNDEFINED. */
  readonly phase: TaskPhase;
  readonly message: string;
  readonly links: readonly LogLink[];
  /** Absent where the task writes its outputs itself: an empty map would be written over them. */
  readonly outputs?: Readonly<Record<string, JsonValue>>;
  readonly customInfo: JsonObject;
}

export interface LogsQuery {
  readonly pageToken?: string;
  readonly limit?: number;
}

/** The gRPC services' own core, the same for every version of the wire. Throws LonghaulError. */
export interface TaskService {
  /** Gives the resource meta: bytes that name the task. */
  create(task: NewTask, call: RpcCall): Promise<Uint8Array>;
  get(task: KnownTask, call: RpcCall): Promise<TaskResource>;
  delete(task: KnownTask, call: RpcCall): Promise<void>;
  logs(task: KnownTask, query: LogsQuery, call: RpcCall): Promise<LogsPage>;
  metrics(task: KnownTask, call: RpcCall): Promise<readonly TaskMetric[]>;
  /** Runs a task of a synchronous connector to its end within the call. */
  run(task: NewTask, call: RpcCall): Promise<TaskResource>;
  connectors(): readonly ConnectorMetadata[];
  /** @throws NOT_FOUND. */
  connector(name: string): ConnectorMetadata;
}
