import { createDatabricksClient, type ClientOptions, type DatabricksClient } from './databricks-client';
import type { WorkspaceAsker, WorkspaceDirectory } from './databricks-directory';
import { limitedPlace } from './databricks-queues';
import { openHost, type HostConnection } from './databricks-transport';
import type { Workspace, WorkspaceAuth } from './databricks-workspace';

/** The clients of a process: their sockets by host, their credentials by workspace. */
export interface DatabricksClients {
  /**
   * By the workspace's name or host; the default one without. With a task's own `token`, which takes the place of the
   * workspace's credentials and is kept no longer than the client.
   * @throws CONFIG when it is not configured, or has no credentials and the task brings none; PERMISSION_DENIED when
   * it is not open to the asker.
   */
  find(selector?: string, token?: string, wish?: ClientWish): DatabricksClient;
  /** The workspaces of now. */
  directory(): WorkspaceDirectory;
  /** Closes all connections; a later `find` opens new ones. */
  close(): Promise<void>;
}

/** What a task wants beside its place. */
export interface ClientWish {
  /** Whose task it is; without it nobody is turned away. */
  readonly asker?: WorkspaceAsker;
  /** Credentials that the task names, by references only: they take the place of the workspace's. */
  readonly auth?: WorkspaceAuth;
  /** Of the workspace's own credentials those of this kind. */
  readonly kind?: WorkspaceAuth['kind'];
}

/** Of tasks' own credentials so many keep their issued token: some thousand namespaces share a process at most. */
const MOST_TASK_CLIENTS = 1_000;

/**
 * `workspaces` may be a function: it is asked each time, so that rotated credentials are taken up at once. Clients of
 * one host share its connections and its request budget, whatever their credentials: thousands of tasks with tokens of their own cost no
 * socket more, and nothing is left of a token when its call is over.
 */
export function createDatabricksClients(
  workspaces: WorkspaceDirectory | (() => WorkspaceDirectory),
  options: Pick<ClientOptions, 'version' | 'identity' | 'processes'>,
): DatabricksClients {
  const connections = new Map<string, HostConnection>();
  const own = new Map<string, DatabricksClient>();
  const ofTasks = new Map<string, DatabricksClient>();
  const directory = (): WorkspaceDirectory => (typeof workspaces === 'function' ? workspaces() : workspaces);
  const openLimited = (host: string): HostConnection =>
    openHost(host, { limits: limitedPlace(directory(), host)?.limits, processes: options.processes });
  const open = (workspace: Workspace, more: Partial<ClientOptions> = {}): DatabricksClient => {
    const { host } = workspace;
    const connection = connections.get(host) ?? openLimited(host);
    connections.set(host, connection);
    return createDatabricksClient(workspace, { ...options, ...more, connection });
  };
  /** Kept: a token is issued once for all callers. */
  const keep = (
    clients: Map<string, DatabricksClient>,
    key: string,
    workspace: Workspace,
  ): DatabricksClient => {
    const known = clients.get(key);
    if (known !== undefined && isSame(known.workspace, workspace)) return known;
    const [oldest] = clients.keys();
    if (clients.size >= MOST_TASK_CLIENTS && oldest !== undefined) clients.delete(oldest);
    const client = open(workspace);
    clients.set(key, client);
    return client;
  };
  return {
    directory,
    find: (selector, token, { asker, auth, kind } = {}) => {
      if (token !== undefined) {
        const place = directory().resolveHost(selector, asker);
        return open({ ...place, auth: { kind: 'pat', token } }, { isTaskToken: true });
      }
      if (auth !== undefined) {
        const place = directory().resolveHost(selector, asker);
        return keep(ofTasks, `${place.name} ${JSON.stringify(auth)}`, { ...place, auth });
      }
      const workspace = ofKind(directory().resolve(selector, asker), kind);
      return keep(own, `${workspace.name} ${workspace.auth.kind}`, workspace);
    },
    close: async () => {
      const all = [...connections.values()];
      connections.clear();
      own.clear();
      ofTasks.clear();
      await Promise.all(all.map((connection) => connection.close()));
    },
  };
}

/** Where the workspace lacks the kind, what it has is used: a task's word for it is a wish, not a key. */
function ofKind(workspace: Workspace, kind: WorkspaceAuth['kind'] | undefined): Workspace {
  if (kind === undefined || workspace.auth.kind === kind) return workspace;
  const auth = workspace.otherAuths?.find((other) => other.kind === kind);
  return auth === undefined ? workspace : { ...workspace, auth };
}

function isSame(a: Workspace, b: Workspace): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
