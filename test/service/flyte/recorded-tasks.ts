import type { LogsPage, TaskMetric } from '../../../src/connector/connector';
import { ConnectorRegistry } from '../../../src/connector';
import type { ConnectorMetadata } from '../../../src/connector/registry';
import type { RpcCall } from '../../../src/service/handlers';
import type { LogsQuery, TaskResource, TaskService } from '../../../src/service/tasks/task-service';

export const RUNNING: TaskResource = { phase: 'RUNNING', message: '', links: [], customInfo: {} };

export interface Answers {
  readonly resource?: TaskResource;
  readonly page?: LogsPage;
  readonly metrics?: readonly TaskMetric[];
  readonly connectors?: readonly ConnectorMetadata[];
}

export interface RecordedTasks {
  readonly tasks: TaskService;
  /** What was asked, in order. */
  readonly asked: { readonly method: string; readonly task: unknown; readonly query?: LogsQuery }[];
}

export const META = new Uint8Array([1, 2, 3]);

/** A TaskService that answers what it is given and remembers what it was asked. */
export function recordTasks(answers: Answers = {}): RecordedTasks {
  const asked: RecordedTasks['asked'] = [];
  const {
    resource = RUNNING,
    page = { lines: [], truncated: false },
    metrics = [],
    connectors = [],
  } = answers;
  const answer = <T>(method: string, task: unknown, value: T): Promise<T> => {
    asked.push({ method, task });
    return Promise.resolve(value);
  };
  const tasks: TaskService = {
    create: (task) => answer('create', task, META),
    get: (task) => answer('get', task, resource),
    delete: (task) => answer('delete', task, undefined),
    metrics: (task) => answer('metrics', task, metrics),
    run: (task) => answer('run', task, resource),
    logs: (task, query) => {
      asked.push({ method: 'logs', task, query });
      return Promise.resolve(page);
    },
    connectors: () => connectors,
    connector: (name) =>
      connectors.find((connector) => connector.name === name) ??
      new ConnectorRegistry().getConnectorMetadata(name),
  };
  return { tasks, asked };
}

export interface RecordedCall extends RpcCall {
  readonly taskTypes: string[];
}

export function recordCall(): RecordedCall {
  const taskTypes: string[] = [];
  return {
    deadline: Date.now() + 10_000,
    signal: new AbortController().signal,
    taskTypes,
    noteTaskType: (name) => taskTypes.push(name),
    noteTaskId: () => undefined,
  };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
