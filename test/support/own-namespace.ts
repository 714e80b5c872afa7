import { randomUUID } from 'node:crypto';

import { Connection } from '@temporalio/client';

import { ensureSearchAttributes, missingSearchAttributes } from '../../src/temporal/search-attributes';
import { waitUntil } from './wait-until';

/** A namespace that no other test file fills; usable when this returns. */
export async function createNamespace(): Promise<string> {
  const namespace = `test-${randomUUID()}`;
  const connection = await Connection.connect({ address: process.env['TEST_TEMPORAL_ADDRESS'] ?? '' });
  try {
    const workflowExecutionRetentionPeriod = { seconds: 86_400 as unknown as Long };
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
    await waitUntil('the namespace to be known', async () => {
      try {
        await ensureSearchAttributes(connection, namespace);
        await connection.workflowService.listWorkflowExecutions({ namespace, query: "ConnectorPhase = 'x'" });
        return (await missingSearchAttributes(connection, namespace)).length === 0 ? true : undefined;
      } catch {
        return undefined;
      }
    });
    return namespace;
  } finally {
    await connection.close();
  }
}
