import type { AsyncConnector, Capabilities } from './connector';
import { LonghaulError } from './errors';
import type { TaskCategory } from './task-template';

/** What `listConnectors` tells of a connector; Flyte's `Agent` message. */
export interface ConnectorMetadata {
  readonly name: string;
  readonly supportedTaskCategories: readonly TaskCategory[];
  readonly capabilities: Capabilities;
}

/** Finds connectors by task type and version; several versions stand side by side. */
export class ConnectorRegistry {
  readonly #connectors = new Map<string, AsyncConnector>();

  /** @throws CONFIG when the task category is taken and `override` is not set. */
  register(connector: AsyncConnector, options: { readonly override?: boolean } = {}): this {
    const key = keyOf(connector.taskCategory);
    const taken = this.#connectors.get(key);
    if (taken !== undefined && options.override !== true) {
      throw new LonghaulError('CONFIG', `Task type ${key} is already served by ${taken.name}.`, {
        advice: 'Register it with { override: true } to replace it.',
      });
    }
    this.#connectors.set(key, connector);
    return this;
  }

  /** @throws UNKNOWN_TASK_TYPE naming what is registered. */
  getConnector(taskTypeName: string, taskTypeVersion = 0): AsyncConnector {
    const key = keyOf({ name: taskTypeName, version: taskTypeVersion });
    const connector = this.#connectors.get(key);
    if (connector !== undefined) return connector;
    const known = [...this.#connectors.keys()].sort().join(', ') || 'none';
    const wanted = taskTypeName === '' ? 'a task without a type' : key;
    throw new LonghaulError(
      'UNKNOWN_TASK_TYPE',
      `type: no connector serves ${wanted} (registered: ${known})`,
      {
        field: 'type',
      },
    );
  }

  /** @throws NOT_FOUND for a name that no connector has. */
  getConnectorMetadata(name: string): ConnectorMetadata {
    const metadata = this.listConnectors().find((candidate) => candidate.name === name);
    if (metadata === undefined) throw new LonghaulError('NOT_FOUND', `No connector is named ${name}.`);
    return metadata;
  }

  /** One entry per connector name, its task categories together, in the order of registration. */
  listConnectors(): ConnectorMetadata[] {
    const byName = groupByName(this.all());
    return [...byName.values()];
  }

  all(): readonly AsyncConnector[] {
    return [...this.#connectors.values()];
  }
}

function groupByName(connectors: readonly AsyncConnector[]): Map<string, ConnectorMetadata> {
  const byName = new Map<string, ConnectorMetadata>();
  for (const { name, taskCategory, capabilities } of connectors) {
    const earlier = byName.get(name)?.supportedTaskCategories ?? [];
    byName.set(name, { name, capabilities, supportedTaskCategories: [...earlier, taskCategory] });
  }
  return byName;
}

function keyOf(category: TaskCategory): string {
  return `${category.name} v${category.version}`;
}
