import { LonghaulError } from '../../connector';
import { toBudget } from './databricks-budget';
import { createDatabricksClient, type DatabricksClient } from './databricks-client';
import type { IdentityPorts } from './databricks-identity';
import { textAt } from './databricks-json';
import type { Workspace, WorkspaceAuth, WorkspaceLimits } from './databricks-workspace';

/** What a workspace says of the one who asks it. */
export interface WorkspaceCheck {
  readonly kind: WorkspaceAuth['kind'];
  /** Of the Jobs API, as far as the host knows it. */
  readonly apiVersion: DatabricksClient['apiVersion'];
  /** What all processes together may ask of it in a second. */
  readonly limits: Required<WorkspaceLimits>;
  /** The user or service principal; undefined where the workspace does not tell. */
  readonly who?: string;
  /** Epoch milliseconds at which the present token ends; undefined for one that does not. */
  readonly tokenEndsAt?: number;
}

/**
 * Asks a workspace for one run and who asks: enough to see that it is reached and takes the credentials. Reads only.
 * @throws UNAVAILABLE, UNAUTHENTICATED or PERMISSION_DENIED in words, and what its kind of authentication throws.
 */
export async function checkWorkspace(
  workspace: Workspace,
  version: string,
  identity?: IdentityPorts,
): Promise<WorkspaceCheck> {
  const client = createDatabricksClient(workspace, {
    version,
    ...(identity === undefined ? {} : { identity }),
  });
  const context = { signal: AbortSignal.timeout(CHECK_LIMIT_MS), now: Date.now };
  try {
    await client.send({ operation: 'read', path: 'runs/list', query: { limit: '1' } }, context);
    const who = await askWho(client, context);
    const remainingMs = client.tokenRemainingMs();
    return {
      kind: workspace.auth.kind,
      apiVersion: client.apiVersion,
      limits: toBudget(workspace.limits),
      ...(who === undefined ? {} : { who }),
      ...(remainingMs === undefined ? {} : { tokenEndsAt: Date.now() + remainingMs }),
    };
  } finally {
    await client.close();
  }
}

const SCIM_API = '/api/2.0/preview/scim/v2';
/** A person waits for the answer. */
const CHECK_LIMIT_MS = 20_000;

/** A name is an extra: not every host serves it. */
async function askWho(
  client: DatabricksClient,
  context: { signal: AbortSignal; now: () => number },
): Promise<string | undefined> {
  try {
    const me = await client.send({ operation: 'read', root: SCIM_API, path: 'Me' }, context);
    return textAt(me, 'displayName') ?? textAt(me, 'userName');
  } catch (thrown) {
    if (thrown instanceof LonghaulError && thrown.code !== 'INTERNAL') return undefined;
    throw thrown;
  }
}
