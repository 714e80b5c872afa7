import type { Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { LonghaulError } from '../connector/errors';
import { messageOf } from './run-command';

/** The typed search attributes of a task. All optional: without them everything works, less the filters. */
export const CONNECTOR_TASK_TYPE = defineSearchAttributeKey('ConnectorTaskType', 'KEYWORD');
export const CONNECTOR_PHASE = defineSearchAttributeKey('ConnectorPhase', 'KEYWORD');
export const CONNECTOR_EXTERNAL_ID = defineSearchAttributeKey('ConnectorExternalId', 'KEYWORD');
export const CONNECTOR_PROJECT = defineSearchAttributeKey('ConnectorProject', 'KEYWORD');

export const SEARCH_ATTRIBUTE_NAMES: readonly string[] = [
  CONNECTOR_TASK_TYPE,
  CONNECTOR_PHASE,
  CONNECTOR_EXTERNAL_ID,
  CONNECTOR_PROJECT,
].map((key) => key.name);

/** `temporal.api.enums.v1.IndexedValueType`. */
const KEYWORD = 2;

/** A connection of a client or of a worker. */
export type AttributeService = Pick<Connection, 'operatorService'>;

/**
 * The names that the namespace lacks.
 * @throws CONFIG when a name is taken by another type, UNAVAILABLE when Temporal does not say.
 */
export async function missingSearchAttributes(
  connection: AttributeService,
  namespace: string,
): Promise<string[]> {
  const { customAttributes } = await list(connection, namespace);
  for (const name of SEARCH_ATTRIBUTE_NAMES) {
    const type = customAttributes?.[name];
    if (type === undefined || type === KEYWORD) continue;
    throw new LonghaulError('CONFIG', `The search attribute ${name} of ${namespace} is not a Keyword.`, {
      advice: `Remove it (temporal operator search-attribute remove --name ${name}) and run longhaul init.`,
    });
  }
  return SEARCH_ATTRIBUTE_NAMES.filter((name) => customAttributes?.[name] === undefined);
}

/** False also where it is not said: a task without them lacks nothing but the filters. */
export async function hasSearchAttributes(connection: AttributeService, namespace: string): Promise<boolean> {
  return missingSearchAttributes(connection, namespace).then(
    (missing) => missing.length === 0,
    () => false,
  );
}

/**
 * Adds what is missing and gives the names added; safe to repeat and to run twice at once.
 * On a cluster it may take a minute until every server knows them.
 * @throws PERMISSION_DENIED with the command that an administrator runs, where clients may not add any.
 */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return [];
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD] as const));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    const left = await missingSearchAttributes(connection, namespace);
    if (left.length > 0) throw notAdded(error, namespace, left);
  }
  return missing;
}

async function list(
  connection: AttributeService,
  namespace: string,
): Promise<{ customAttributes?: Readonly<Record<string, number>> | null }> {
  try {
    return await connection.operatorService.listSearchAttributes({ namespace });
  } catch (error) {
    const reason = `The search attributes of ${namespace} cannot be listed: ${messageOf(error)}`;
    throw new LonghaulError('UNAVAILABLE', reason, { cause: error });
  }
}

function notAdded(error: unknown, namespace: string, names: readonly string[]): LonghaulError {
  const options = names.map((name) => `--name ${name} --type Keyword`).join(' ');
  return new LonghaulError('PERMISSION_DENIED', `Search attributes cannot be added: ${messageOf(error)}`, {
    cause: error,
    advice: `Ask an administrator: temporal operator search-attribute create --namespace ${namespace} ${options}`,
  });
}
