import type { ConnectorMetadata } from '../../../src/connector/registry';
import type { TaskCategory } from '../../../src/connector/task-template';

function connectorOf(name: string, categories: TaskCategory[], synchronous = false): ConnectorMetadata {
  const capabilities = { logs: true, metrics: true, repair: false, synchronous, fence: 'token' } as const;
  return { name, supportedTaskCategories: categories, capabilities };
}

/** `databricks` in two versions, by two connectors; the later version first. */
export const CONNECTORS: readonly ConnectorMetadata[] = [
  connectorOf('New', [{ name: 'databricks', version: 1 }]),
  connectorOf('Databricks', [
    { name: 'spark', version: 0 },
    { name: 'databricks', version: 0 },
  ]),
  connectorOf('Chat', [{ name: 'chat', version: 2 }], true),
];
