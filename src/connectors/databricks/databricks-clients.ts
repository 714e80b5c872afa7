import { createDatabricksClient, type ClientOptions, type DatabricksClient } from './databricks-client';
import type { WorkspaceDirectory } from './databricks-config';
import { limitedPlace } from './databricks-queues';
import { openHost, type HostConnection } from './databricks-transport';
import type { Workspace } from './databricks-workspace';

/** The clients of a process: their sockets by host, their credentials by workspace. */
export interface DatabricksClients {
  /**
   * By the workspace's name or host; the default one without. With a task's own `token`, which takes the place of the
   * workspace's credentials and is kept no longer than the client.
   * @throws CONFIG when it is not configured, or has no credentials and the task brings none.
   */
  find(selector?: string, token?: string): DatabricksClient;
  /** Closes all connections; a later `find` opens new ones. */
  close(): Promise<void>;
}

/**
 * `workspaces` may be a function: it is asked each time, so that rotated credentials are taken up at once. Clients of
 * one host share its connections and its request budget, whatever their credentials: thousands of tasks with tokens of their own cost no
 * socket more, and nothing is left of a token when its call is over.
 */
export function createDatabricksClients(
  workspaces: WorkspaceDirectory | (() => WorkspaceDirectory),
  options: Pick<ClientOptions, 'version' | 'processes'>,
): DatabricksClients {
  const connections = new Map<string, HostConnection>();
  const clients = new Map<string, DatabricksClient>();
  const connectionTo = (host: string, directory: WorkspaceDirectory): HostConnection => {
    const known = connections.get(host);
    if (known !== undefined) return known;
    const { limits } = limitedPlace(directory, host) ?? {};
    const connection = openHost(host, { limits, processes: options.processes });
    connections.set(host, connection);
    return connection;
  };
  /** Kept: an OAuth token is issued once for all callers. */
  const ownClient = (workspace: Workspace, directory: WorkspaceDirectory): DatabricksClient => {
    const known = clients.get(workspace.name);
    if (known !== undefined && isSame(known.workspace, workspace)) return known;
    const connection = connectionTo(workspace.host, directory);
    const client = createDatabricksClient(workspace, { ...options, connection });
    clients.set(workspace.name, client);
    return client;
  };
  return {
    find: (selector, token) => {
      const directory = typeof workspaces === 'function' ? workspaces() : workspaces;
      if (token === undefined) return ownClient(directory.resolve(selector), directory);
      const place = directory.resolveHost(selector);
      const connection = connectionTo(place.host, directory);
      const workspace: Workspace = { ...place, auth: { kind: 'pat', token } };
      return createDatabricksClient(workspace, { ...options, connection, isTaskToken: true });
    },
    close: async () => {
      const all = [...connections.values()];
      connections.clear();
      clients.clear();
      await Promise.all(all.map((connection) => connection.close()));
    },
  };
}

function isSame(a: Workspace, b: Workspace): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
