import { createDatabricksClient, type ClientOptions, type DatabricksClient } from './databricks-client';
import type { WorkspaceDirectory } from './databricks-config';
import type { Workspace } from './databricks-workspace';

/** The clients of a process: one for each workspace and its present credentials. */
export interface DatabricksClients {
  /** By the workspace's name or host; the default one without. @throws CONFIG when it is not configured. */
  find(selector?: string): DatabricksClient;
  /** Closes all pools; a later `find` opens new ones. */
  close(): Promise<void>;
}

/**
 * `workspaces` may be a function: it is asked each time, so that rotated credentials are taken up at once. A client
 * whose credentials were replaced ends with its last request.
 */
export function createDatabricksClients(
  workspaces: WorkspaceDirectory | (() => WorkspaceDirectory),
  options: ClientOptions,
): DatabricksClients {
  const clients = new Map<string, DatabricksClient>();
  return {
    find: (selector) => {
      const directory = typeof workspaces === 'function' ? workspaces() : workspaces;
      const workspace = directory.resolve(selector);
      const known = clients.get(workspace.name);
      if (known !== undefined && isSame(known.workspace, workspace)) return known;
      // A pool that closes refuses new requests only: those under way end as they would have.
      void known?.close();
      const client = createDatabricksClient(workspace, options);
      clients.set(workspace.name, client);
      return client;
    },
    close: async () => {
      const all = [...clients.values()];
      clients.clear();
      await Promise.all(all.map((client) => client.close()));
    },
  };
}

function isSame(a: Workspace, b: Workspace): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
