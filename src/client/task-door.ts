import type { TaskInput } from '../../workflows/task-input';
import type { AsyncConnector } from '../connector/connector';
import { invalidTask, LonghaulError } from '../connector/errors';
import type { ConnectorRegistry } from '../connector/registry';
import { assertSecretsAllowed } from '../connector/secret-reference';
import type { TaskPolicy } from '../connector/task-policy';
import { taskQueuesOf } from '../connector/task-queues';
import { assertPayloadSize, assertTaskId, type TaskRequest } from './task-request';

/** What decides whether a task may come in. */
export interface Door {
  readonly registry: ConnectorRegistry;
  /** The operator's `secrets.allow`. */
  readonly secretsAllow: readonly string[];
}

/**
 * Checks a task before anything is started or asked: pure, so that a front end may call it before it connects.
 * @throws INVALID_TASK, UNKNOWN_TASK_TYPE, PAYLOAD_TOO_LARGE or PERMISSION_DENIED, naming the field.
 */
export function checkTask(request: TaskRequest, { registry, secretsAllow }: Door): void {
  if (request.id !== undefined) assertTaskId(request.id);
  const { template } = request;
  const connector = registry.getConnector(template.type, template.version);
  assertPayloadSize(request);
  if (request.adopted === undefined) connector.parseTask(template);
  else if (connector.adopts === false) throw notAdoptable(connector);
  checkFailurePolicy(connector, request);
  const { adopted, taskExecution = {} } = request;
  connector.authorize?.(adopted === undefined ? { template } : { meta: adopted.meta }, taskExecution);
  assertSecretsAllowed(template.custom, secretsAllow, taskExecution);
}

/** A checked task as its workflow is started with it. @throws as {@link checkTask}. */
export function toTaskInput(
  request: TaskRequest,
  door: Door & { readonly searchAttributes: boolean },
): TaskInput {
  checkTask(request, door);
  const { template, adopted, taskExecution } = request;
  const connector = door.registry.getConnector(template.type, template.version);
  const { fence, repair } = connector.capabilities;
  const about = adopted === undefined ? { template, taskExecution } : { meta: adopted.meta };
  const taskQueues = taskQueuesOf(connector, about);
  return {
    template,
    policy: policyFor(connector, request),
    routing: { ...taskQueues, fence, repair, ...preparationOf(connector, request) },
    searchAttributes: door.searchAttributes,
    ...optionalParts(request),
  };
}

/** Said only where it is so: all other tasks keep the input they always had. */
function preparationOf(
  connector: AsyncConnector,
  { template, adopted }: TaskRequest,
): Pick<TaskInput['routing'], 'prepare'> {
  const isNeeded = adopted === undefined && connector.needsPreparation?.(template) === true;
  return isNeeded ? { prepare: true } : {};
}

function checkFailurePolicy(connector: AsyncConnector, { policy, template, adopted }: TaskRequest): void {
  const { failure } = policy;
  if (failure === undefined) return;
  if (connector.parseFailurePolicy === undefined) {
    const field = `policy.${Object.keys(failure)[0] ?? 'onFailure'}`;
    throw invalidTask(field, `${connector.name} has no choice to offer here`);
  }
  connector.parseFailurePolicy(failure, adopted === undefined ? template : undefined);
}

function notAdoptable({ name }: AsyncConnector): LonghaulError {
  return new LonghaulError('UNSUPPORTED', `${name}: a job that somebody else started cannot be followed.`);
}

/** A task's own retries are part of what it is: whoever calls, it gets them. */
function policyFor(connector: AsyncConnector, { template, policy, adopted }: TaskRequest): TaskPolicy {
  const asked = adopted === undefined ? (connector.attemptsOf?.(template) ?? 1) : 1;
  return asked > policy.maxAttempts ? { ...policy, maxAttempts: asked } : policy;
}

function optionalParts(request: TaskRequest): Partial<TaskInput> {
  const { inputs, outputPrefix, taskExecution, connection, adopted, earlierAttempts } = request;
  return {
    ...(inputs === undefined ? {} : { inputs }),
    ...(outputPrefix === undefined ? {} : { outputPrefix }),
    ...(taskExecution === undefined ? {} : { taskExecution }),
    ...(connection === undefined ? {} : { connection }),
    ...(adopted === undefined ? {} : { adopted }),
    ...(earlierAttempts === undefined ? {} : { earlierAttempts }),
  };
}
