import type { AsyncConnector } from '../connector/connector';
import type { ConnectorRegistry } from '../connector/registry';
import type { WaitingFor } from './task-status';

/** Whoever asks may lack the task's connector. */
export function knownConnector(registry: ConnectorRegistry, taskType: string): AsyncConnector | undefined {
  return registry.all().find(({ taskCategory: { name, version } }) => `${name} v${version}` === taskType);
}

const WORKER_COMMAND = 'longhaul worker';

/** The registry of whoever asks may lack the task's connector: then the usual command is the best guess. */
export function workerCommand(registry: ConnectorRegistry, taskType: string, waitingFor: WaitingFor): string {
  const { taskQueue, kind } = waitingFor;
  if (kind === 'workflow') return WORKER_COMMAND;
  return knownConnector(registry, taskType)?.servedBy?.(taskQueue) ?? WORKER_COMMAND;
}
