import { parseEnvironment } from '../../config/environment';
import { ensureRetention, RETENTION_DAYS } from '../../temporal/retention';
import { ensureSearchAttributes, SEARCH_ATTRIBUTE_NAMES } from '../../temporal/search-attributes';
import { connectClient } from '../../temporal/connection';
import { runCommand, type CommonOptions } from '../command';
import { toTable } from '../format';
import { createConnectorSet } from '../registry';

/** Prepares a namespace: search attributes and retention. Safe to repeat. */
export function init(options: CommonOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const { temporal } = parseEnvironment(process.env);
    const { connection, namespace } = await connectClient(temporal);
    try {
      const added = await ensureSearchAttributes(connection, namespace);
      const days = await ensureRetention(connection, namespace, RETENTION_DAYS);
      const attributes =
        added.length === 0
          ? `${SEARCH_ATTRIBUTE_NAMES.length} search attributes were there already`
          : `added ${added.join(', ')}`;
      output.result(
        `Namespace ${namespace} at ${temporal.address}: ${attributes}; retention is ${days} days.`,
        { namespace, added, retentionDays: days },
      );
      return 0;
    } finally {
      await connection.close();
    }
  });
}

export function connectors(options: CommonOptions): Promise<void> {
  return runCommand(options, async (output) => {
    const set = createConnectorSet(process.env);
    const listed = set.registry.listConnectors();
    const rows = listed.map(({ name, supportedTaskCategories, capabilities }) => [
      name,
      supportedTaskCategories.map((category) => `${category.name} v${category.version}`).join(', '),
      Object.entries(capabilities)
        .filter(([, value]) => value === true)
        .map(([key]) => key)
        .join(', '),
      capabilities.fence,
    ]);
    output.result(toTable([['CONNECTOR', 'TASK TYPES', 'OFFERS', 'FENCE'], ...rows]), listed);
    await set.close();
    return 0;
  });
}
