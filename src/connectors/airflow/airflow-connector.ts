import {
  LonghaulError,
  type AsyncConnector,
  type Capabilities,
  type MetadataType,
  type Observation,
  type ResourceMeta,
  type TaskCategory,
  type TaskOrJob,
  type TaskQueues,
  type TaskTemplate,
} from '../../connector';
import { airflowQueues, isAirflowMajor, majorOfQueue, type AirflowMajor } from './airflow-major';
import { AirflowMetadata } from './airflow-metadata';
import { AIRFLOW_TASK_TYPE, parseAirflowTask } from './airflow-task';

/** Where operators are served; without any of it, by the workers that `longhaul worker --airflow` starts. */
export interface AirflowConnectorOptions {
  /** For tasks that name no major. */
  readonly defaultMajor?: AirflowMajor;
  /** First task queue of that major, where its workers do not use the usual name: a domain of trust of its own. */
  readonly taskQueue?: string;
  /** The command that serves a major, where it is not `longhaul worker --airflow`. */
  readonly workerCommand?: (major: AirflowMajor) => string;
}

const DEFAULT_MAJOR: AirflowMajor = 3;

/**
 * The client's and the service's side of Airflow: it checks tasks at the door and knows their queues. The Python worker
 * serves the activities, because operators are Python; no method that acts is ever called here.
 */
export class AirflowConnector implements AsyncConnector {
  readonly name = 'Airflow Connector';
  readonly taskCategory: TaskCategory = { name: AIRFLOW_TASK_TYPE, version: 0 };
  readonly metadataType: MetadataType<ResourceMeta> = AirflowMetadata;
  readonly capabilities: Capabilities = {
    logs: true,
    metrics: false,
    repair: false,
    synchronous: false,
    fence: 'token',
  };
  readonly adopts = false;
  readonly taskQueues: TaskQueues;
  readonly #defaultMajor: AirflowMajor;
  readonly #workerCommand: (major: AirflowMajor) => string;

  constructor({
    defaultMajor = DEFAULT_MAJOR,
    taskQueue,
    workerCommand = toWorkerCommand,
  }: AirflowConnectorOptions = {}) {
    this.#defaultMajor = defaultMajor;
    this.#workerCommand = workerCommand;
    this.taskQueues = airflowQueues(defaultMajor, taskQueue);
  }

  parseTask(template: TaskTemplate): void {
    parseAirflowTask(template);
  }

  taskQueuesFor(about: TaskOrJob): TaskQueues {
    const major = 'meta' in about ? about.meta['airflowMajor'] : parseAirflowTask(about.template).major;
    if (!isAirflowMajor(major) || major === this.#defaultMajor) return this.taskQueues;
    return airflowQueues(major);
  }

  servedBy(taskQueue: string): string {
    return this.#workerCommand(majorOfQueue(taskQueue) ?? this.#defaultMajor);
  }

  attemptsOf(template: TaskTemplate): number {
    return parseAirflowTask(template).attempts;
  }

  create(): Promise<never> {
    return Promise.reject(this.#servedElsewhere('create'));
  }

  get(): Promise<never> {
    return Promise.reject(this.#servedElsewhere('get'));
  }

  delete(): Promise<never> {
    return Promise.reject(this.#servedElsewhere('delete'));
  }

  execute(): Promise<Observation> {
    return Promise.reject(this.#servedElsewhere('execute'));
  }

  getLogs(): Promise<never> {
    return Promise.reject(this.#servedElsewhere('getLogs'));
  }

  #servedElsewhere(operation: string): LonghaulError {
    return new LonghaulError(
      'UNSUPPORTED',
      `${this.name}: ${operation} is served by the Python worker only, because operators are Python.`,
      { advice: `Start it with: ${this.#workerCommand(this.#defaultMajor)}` },
    );
  }
}

function toWorkerCommand(major: AirflowMajor): string {
  return `longhaul worker --airflow ${major}`;
}
