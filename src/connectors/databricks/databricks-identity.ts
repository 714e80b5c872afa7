import { LonghaulError, type KubernetesApi, type SecretResolver } from '../../connector';
import type { EndpointOptions, WorkspaceEndpoint } from './databricks-auth-endpoint';
import type { HostConnection } from './databricks-transport';
import type { SecretText } from './databricks-workspace';

/** What the kinds of authentication need of the process around them. */
export interface IdentityPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves the operator's own references; tasks have another one. */
  readonly readSecret: SecretResolver;
  /** The cluster, where this process is in one or knows one. */
  readonly kubernetes?: KubernetesApi | undefined;
  /** Hears each credential that is read or issued, so that it can be redacted wherever it turns up. */
  readonly onSecret: (value: string) => void;
}

/** Without anything around: plain values only. */
export const NO_IDENTITY: IdentityPorts = {
  env: {},
  readSecret: (reference) => {
    throw new LonghaulError('CONFIG', `The secret ${reference} of a workspace is not resolved here.`, {
      advice: 'Give the connector `identity` (createOperatorIdentity), or write the value itself.',
    });
  },
  onSecret: () => undefined,
};

/** Where a value that stands in the configuration comes from. */
export type SecretReader = (text: SecretText) => Promise<string>;

/** What a kind of authentication works with. */
export interface IssuerContext extends EndpointOptions {
  /** Origin of the workspace. */
  readonly host: string;
  /** The workspace's sockets. */
  readonly connection: HostConnection;
  readonly ports: IdentityPorts;
  readonly read: SecretReader;
  readonly askWorkspace: WorkspaceEndpoint;
}

/**
 * Reads values as they are needed, and announces each.
 * @throws SECRET_UNAVAILABLE, UNAVAILABLE or CONFIG, and never a code that speaks of the task: the task is not at fault.
 */
export function createSecretReader({ readSecret, onSecret }: IdentityPorts): SecretReader {
  return async (text) => {
    const value = typeof text === 'string' ? text : await resolve(readSecret, text.$secret);
    onSecret(value);
    return value;
  };
}

async function resolve(readSecret: SecretResolver, reference: string): Promise<string> {
  try {
    return (await readSecret(reference)).trim();
  } catch (thrown) {
    const error = LonghaulError.from(thrown);
    if (error.code === 'SECRET_UNAVAILABLE' || error.code === 'UNAVAILABLE') throw error;
    throw new LonghaulError('CONFIG', error.message, {
      cause: error,
      ...(error.advice === undefined ? {} : { advice: error.advice }),
    });
  }
}
