import { createDatabricksClient, type DatabricksClient } from './databricks-client';
import type { Workspace } from './databricks-workspace';

/**
 * Asks a workspace for one run: enough to see that it is reached and takes the credentials. Reads only.
 * @returns the version of the Jobs API that it knows. @throws UNAVAILABLE, UNAUTHENTICATED or PERMISSION_DENIED in words.
 */
export async function checkWorkspace(
  workspace: Workspace,
  version: string,
): Promise<DatabricksClient['apiVersion']> {
  const client = createDatabricksClient(workspace, { version });
  const signal = AbortSignal.timeout(CHECK_LIMIT_MS);
  try {
    await client.send(
      { operation: 'read', path: 'runs/list', query: { limit: '1' } },
      { signal, now: Date.now },
    );
    return client.apiVersion;
  } finally {
    await client.close();
  }
}

/** A person waits for the answer. */
const CHECK_LIMIT_MS = 20_000;
