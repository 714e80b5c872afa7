import type { TaskClient } from '../../client';
import type { Sealing } from '../../config/sealing';
import type { Logger } from '../../connector/connector';
import type { ConnectorRegistry } from '../../connector/registry';
import { createBoundedMap } from './bounded-map';
import { createConnections } from './connections';
import type { ServiceContext } from './context';
import { createTask } from './create-task';
import { deleteTask } from './delete-task';
import { getTask } from './get-task';
import { createLastAnswers } from './last-answers';
import { createPrevention, type Prevention } from './prevention';
import { readLogs, readMetrics } from './read-job';
import { runTask } from './run-task';
import type { TaskService } from './task-service';

export type { TaskService } from './task-service';

export interface TaskServiceOptions {
  readonly tasks: TaskClient;
  readonly registry: ConnectorRegistry;
  readonly cluster: string;
  readonly sealing?: Sealing | undefined;
  readonly taskUrl: (id: string) => string | undefined;
  readonly onStaleAnswer: () => void;
  readonly logger: Logger;
}

/** The engine asks about an ended task a few times, not for long. */
const KEPT_RESULTS = 1_000;

/** The core of the gRPC services, and what it still has to do when they end. */
export function createTaskService(
  options: TaskServiceOptions,
): TaskService & { readonly prevention: Prevention } {
  const { tasks, registry, sealing, logger } = options;
  const prevention = createPrevention(tasks, logger);
  const context: ServiceContext = {
    ...options,
    connections: createConnections(sealing),
    lastAnswers: createLastAnswers(),
    results: createBoundedMap(KEPT_RESULTS),
    prevention,
  };
  return {
    prevention,
    create: (task, call) => createTask(context, task, call),
    get: (task, call) => getTask(context, task, call),
    delete: (task, call) => deleteTask(context, task, call),
    logs: (task, query, call) => readLogs(context, task, { query, call }),
    metrics: (task, call) => readMetrics(context, task, call),
    run: (task, call) => runTask(context, task, call),
    connectors: () => registry.listConnectors(),
    connector: (name) => registry.getConnectorMetadata(name),
  };
}
