import type { NamedRequest } from '../../client';
import { invalidTask } from '../../connector/errors';
import type { ConnectorRegistry } from '../../connector/registry';
import { FLYTE_POLICY } from './flyte-policy';
import { adoptedId, idPrefix } from './task-id';
import type { KnownTask } from './task-service';
import { parseWireMeta } from './wire-meta';

/** Which task a caller means. */
export interface IdentifiedTask {
  readonly id: string;
  /** Of a run that another service started: how to follow it, should nobody do so yet. */
  readonly adoption?: NamedRequest;
}

/**
 * Reads a resource meta: ours, or what flytekit's own connector wrote for a run that is under way. Pure.
 * @throws INVALID_TASK for anything else.
 */
export function identify(task: KnownTask, registry: ConnectorRegistry, cluster: string): IdentifiedTask {
  const id = parseWireMeta(task.resourceMeta, idPrefix(cluster));
  return id === undefined ? identifyForeign(task, registry, cluster) : { id };
}

function identifyForeign(
  { taskCategory, resourceMeta }: KnownTask,
  registry: ConnectorRegistry,
  cluster: string,
): IdentifiedTask {
  const {
    metadataType,
    adopts = true,
    name,
  } = registry.getConnector(taskCategory.name, taskCategory.version);
  if (!adopts) throw invalidTask('resource_meta', `names no task of this service (${name})`);
  const meta = metadataType.decode(resourceMeta);
  const id = adoptedId(cluster, taskCategory.name, metadataType.encode(meta));
  const externalId = metadataType.externalId(meta);
  const { name: type, version } = taskCategory;
  const template = { type, version, name: `adopted ${externalId}`, custom: {} };
  return { id, adoption: { id, template, policy: FLYTE_POLICY, adopted: { meta, externalId } } };
}
