import { invalidTask, isJsonObject, type JsonObject, type MetadataType } from '../../connector';
import { parseLosslessJson, textAt } from './databricks-json';
import { parseTaskCredentials, type TaskCredentials } from './databricks-task-credentials';

const METADATA_VERSION = 1;

/**
 * The identity of a Databricks run. No credentials: they are found again by the host, or by the names that stand here.
 * A type, not an interface, so that it is a {@link JsonObject}.
 */
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- an interface has no index signature
export type DatabricksJobMetadata = {
  readonly version: typeof METADATA_VERSION;
  /** Host without `https://`, as Flyte writes it; with `http://` for a simulator on this machine. */
  readonly databricksInstance: string;
  /** A 64-bit number, as text. */
  readonly runId: string;
  /** The run belongs to a Flyte task, whose outputs the entrypoint writes itself. */
  readonly flyte?: boolean;
  /** The run's last repair when it was last seen ended or repaired; null: none yet. Absent: nobody has looked. */
  readonly latestRepairId?: string | null;
  /** The workspace's name, where several are configured for its host. */
  readonly workspace?: string;
  /** Where the run has other credentials than its workspace: their names, never their values. */
  readonly credentials?: TaskCredentials;
};

/** Reads and writes the resource meta; also reads what flytekit's and Flyte 2's connectors wrote. */
export const DatabricksJobMetadata: MetadataType<DatabricksJobMetadata> = {
  parse: parseMetadata,
  encode: (meta) => new TextEncoder().encode(JSON.stringify(toWire(meta))),
  decode: (bytes) => parseMetadata(parseText(new TextDecoder().decode(bytes))),
  externalId: (meta) => meta.runId,
};

/** A meta for a run that was just started or looked up. */
export function createMetadata(
  databricksInstance: string,
  runId: string,
  flyte: boolean,
): DatabricksJobMetadata {
  return {
    version: METADATA_VERSION,
    databricksInstance,
    runId,
    ...(flyte ? { flyte } : {}),
  };
}

function toWire(meta: DatabricksJobMetadata): JsonObject {
  return {
    version: meta.version,
    databricks_instance: meta.databricksInstance,
    run_id: meta.runId,
    ...(meta.flyte === true ? { flyte: true } : {}),
    ...(meta.latestRepairId === undefined ? {} : { latest_repair_id: meta.latestRepairId }),
    ...(meta.workspace === undefined ? {} : { workspace: meta.workspace }),
    ...(meta.credentials === undefined ? {} : { credentials: { ...meta.credentials } }),
  };
}

function parseText(text: string): unknown {
  try {
    return parseLosslessJson(text);
  } catch (cause) {
    throw invalidTask(
      'resource_meta',
      `is not JSON: ${cause instanceof Error ? cause.message : 'unreadable'}`,
    );
  }
}

/** Keeps the known members only, so that flytekit's `auth_token` is never carried on. */
function parseMetadata(value: unknown): DatabricksJobMetadata {
  if (!isJsonObject(value)) throw invalidTask('resource_meta', 'must be a JSON object');
  const { version } = value;
  if (version !== undefined && version !== METADATA_VERSION) {
    throw invalidTask(
      'resource_meta.version',
      `is not understood here (known: ${METADATA_VERSION})`,
      version,
    );
  }
  const instance = value['databricksInstance'] ?? value['databricks_instance'];
  if (typeof instance !== 'string' || instance === '') {
    throw invalidTask('resource_meta.databricks_instance', 'must name the workspace host', instance);
  }
  const runId = parseId('resource_meta.run_id', value['runId'] ?? value['run_id']);
  // Metas without a version are flytekit's own: those runs are Flyte tasks.
  const isFlyte = version === undefined || value['flyte'] === true;
  const workspace = textAt(value, 'workspace');
  const credentials = parseTaskCredentials(value['credentials']);
  const repair = value['latestRepairId'] ?? value['latest_repair_id'];
  const wasLookedFor = 'latestRepairId' in value || 'latest_repair_id' in value;
  return {
    ...createMetadata(instance, runId, isFlyte),
    ...(wasLookedFor ? { latestRepairId: parseRepairId(repair) } : {}),
    ...(workspace === undefined ? {} : { workspace }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

function parseRepairId(value: unknown): string | null {
  return value === undefined || value === null ? null : parseId('resource_meta.latest_repair_id', value);
}

function parseId(field: string, value: unknown): string {
  const isExactNumber = typeof value === 'number' && Number.isSafeInteger(value);
  const text = isExactNumber ? String(value) : value;
  if (typeof text === 'string' && /^\d{1,19}$/.test(text)) return text;
  throw invalidTask(field, 'must be an id: up to 19 digits, as text', value);
}
