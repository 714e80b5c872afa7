import type { JsonObject } from '../../connector/json';
import type * as flyte1 from '../generated/flyteidl/admin/agent_pb';
import type * as flyte2 from '../generated/flyteidl2/connector/connector_pb';
import type { RpcCall } from '../handlers';
import type { KnownTask, NewTask } from '../tasks/task-service';
import { toExecutionId, toTaskExecution } from './metadata';
import { toTaskTemplate } from './template';

type CreateRequest = flyte1.CreateTaskRequest | flyte1.CreateRequestHeader | flyte2.CreateTaskRequest;

/** What the versions say differently. */
export interface Translated {
  /** Empty for a task without inputs. */
  readonly inputs: JsonObject;
  readonly secrets?: Readonly<Record<string, string>>;
}

/**
 * The task that a call asks for, its type noted for the metrics.
 * @throws INVALID_TASK for a request without a usable template.
 */
export function readNewTask(request: CreateRequest, translated: Translated, call: RpcCall): NewTask {
  const task = toNewTask(request, translated);
  call.noteTaskType(task.template.type);
  return task;
}

function toNewTask(request: CreateRequest, { inputs, secrets = {} }: Translated): NewTask {
  const { outputPrefix, taskExecutionMetadata } = request;
  const executionId = toExecutionId(taskExecutionMetadata);
  const taskExecution = toTaskExecution(taskExecutionMetadata);
  return {
    template: toTaskTemplate(request.template),
    ...(isEmpty(inputs) ? {} : { inputs }),
    ...(outputPrefix === '' ? {} : { outputPrefix }),
    ...(executionId === undefined ? {} : { executionId }),
    ...(taskExecution === undefined ? {} : { taskExecution }),
    ...(isEmpty(secrets) ? {} : { secrets }),
  };
}

export interface KnownRequest {
  readonly resourceMeta: Uint8Array;
  readonly taskCategory?: flyte1.TaskCategory | flyte2.TaskCategory | undefined;
  /** Flyte 1's deprecated field: still sent, and all that old engines send. */
  readonly taskType?: string;
  /** Flyte 2's `connection`; not sent with logs and metrics. */
  readonly connection?: { readonly secrets: Readonly<Record<string, string>> } | undefined;
}

/** The task that a call is about, its type noted for the metrics. */
export function readKnownTask(request: KnownRequest, call: RpcCall): KnownTask {
  const task = toKnownTask(request);
  call.noteTaskType(task.taskCategory.name);
  return task;
}

/** The category's name counts first, else the deprecated type. An unset meta is empty bytes; the core judges it. */
function toKnownTask({ resourceMeta, taskCategory, taskType = '', connection }: KnownRequest): KnownTask {
  const { name = '', version = 0 } = taskCategory ?? {};
  const secrets = connection?.secrets ?? {};
  return {
    resourceMeta,
    taskCategory: name === '' ? { name: taskType, version: 0 } : { name, version },
    ...(isEmpty(secrets) ? {} : { secrets }),
  };
}

function isEmpty(record: object): boolean {
  return Object.keys(record).length === 0;
}
