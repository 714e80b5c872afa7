import type { LonghaulConfig } from '../config/environment';
import { readPackageVersion } from '../config/package-version';
import type { Environment } from '../config/temporal-settings';
import {
  checkWorkspace,
  loadWorkspaces,
  type Workspace,
  type WorkspaceCheck,
} from '../connectors/databricks';
import { createOperatorIdentity, type OperatorIdentity } from '../worker';
import { find, type Finding } from './finding';

/** Asks each configured workspace who we are there, by which kind of authentication, and how long that holds. */
export async function checkWorkspaces({ temporal }: LonghaulConfig, env: Environment): Promise<Finding[]> {
  const { workspaces, hostsOnly } = loadWorkspaces({ env });
  if (workspaces.length + hostsOnly.length === 0) {
    const where = temporal.configured
      ? 'where the workers run, one must be'
      : 'tasks run on the simulated one';
    return [{ check: 'workspace', ok: true, says: `none is configured here; ${where}` }];
  }
  const hosts = hostsOnly.map(({ name, host, reason }) => ({
    check: `workspace ${name}`,
    ok: true,
    says: `${host} serves only tasks that bring their own token: ${reason}`,
  }));
  const identity = createOperatorIdentity(env);
  const checked = await Promise.all(workspaces.map((workspace) => checkCredentials(workspace, identity)));
  return [...checked, ...hosts];
}

function checkCredentials(workspace: Workspace, identity: OperatorIdentity): Promise<Finding> {
  const { name, host, auth } = workspace;
  const mend = `Check host and credentials of ${name} (${auth.kind}): docs/workspaces.md.`;
  return find(`workspace ${name}`, mend, async () => {
    const check = await checkWorkspace(workspace, readPackageVersion(), identity);
    return `${host} accepts the credentials: ${describe(check)}`;
  });
}

/** `oauth-m2m as etl-principal, this token until 14:30:05Z; it knows Jobs API 2.1 only: runs have 100 tasks at most`. */
function describe({ kind, who, tokenEndsAt, apiVersion }: WorkspaceCheck): string {
  const asWhom = who === undefined ? kind : `${kind} as ${who}`;
  const until =
    tokenEndsAt === undefined
      ? ''
      : `, this token until ${new Date(tokenEndsAt).toISOString().slice(11, 19)}Z`;
  const limit =
    apiVersion === '2.2' ? '' : `; it knows Jobs API ${apiVersion} only: runs have 100 tasks at most`;
  return `${asWhom}${until}${limit}`;
}
