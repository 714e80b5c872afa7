import type { LonghaulConfig } from '../config/environment';
import { readPackageVersion } from '../config/package-version';
import type { Environment } from '../config/temporal-settings';
import {
  checkWorkspace,
  loadWorkspaces,
  type Workspace,
  type WorkspaceCheck,
} from '../connectors/databricks';
import { LonghaulError } from '../connector/errors';
import { createOperatorIdentity, type OperatorIdentity } from '../worker';
import { find, type Finding } from './finding';

/**
 * Asks each configured workspace who we are there, by which kind of authentication, how long that holds, and how fast it
 * may be asked. A configuration that cannot be read is a finding too.
 */
export async function checkWorkspaces(config: LonghaulConfig, env: Environment): Promise<Finding[]> {
  try {
    return await checkConfigured(config, env);
  } catch (thrown) {
    if (!(thrown instanceof LonghaulError)) throw thrown;
    return [toFailure('workspaces', thrown)];
  }
}

async function checkConfigured({ temporal }: LonghaulConfig, env: Environment): Promise<Finding[]> {
  const unusable: Finding[] = [];
  const { workspaces, hostsOnly } = loadWorkspaces({
    env,
    onUnusable: (name, problem) => unusable.push(toFailure(`workspace ${name}`, problem)),
  });
  if (workspaces.length + hostsOnly.length + unusable.length === 0) {
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
  return [...unusable, ...checked, ...hosts];
}

function toFailure(check: string, { message, advice }: LonghaulError): Finding {
  return { check, ok: false, says: message, ...(advice === undefined ? {} : { mend: advice }) };
}

function checkCredentials(workspace: Workspace, identity: OperatorIdentity): Promise<Finding> {
  const { name, host, auth } = workspace;
  const mend = `Check host and credentials of ${name} (${auth.kind}): docs/workspaces.md.`;
  return find(`workspace ${name}`, mend, async () => {
    const check = await checkWorkspace(workspace, readPackageVersion(), identity);
    return `${host} accepts the credentials: ${describe(check)}`;
  });
}

/** `oauth-m2m as etl-principal, this token until 14:30:05Z; at most 20 requests a second, 10 of them starts`. */
function describe({ kind, who, tokenEndsAt, apiVersion, limits }: WorkspaceCheck): string {
  const asWhom = who === undefined ? kind : `${kind} as ${who}`;
  const until =
    tokenEndsAt === undefined
      ? ''
      : `, this token until ${new Date(tokenEndsAt).toISOString().slice(11, 19)}Z`;
  const limit =
    apiVersion === '2.2' ? '' : `; it knows Jobs API ${apiVersion} only: runs have 100 tasks at most`;
  const { requestsPerSecond, submitsPerSecond } = limits;
  const pace = `; at most ${requestsPerSecond} requests a second, ${submitsPerSecond} of them starts`;
  return `${asWhom}${until}${pace}${limit}`;
}
