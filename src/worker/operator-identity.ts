import { readFile } from 'node:fs/promises';

import { createKubernetesApi, readKubernetesSettings } from '../config/kubernetes';
import { createSecretResolver, type SecretSources } from '../config/secret-resolver';
import type { Environment } from '../config/temporal-settings';
import { readProfileValue, type IdentityPorts } from '../connectors/databricks';

/** What this process knows of secrets, for its workspaces and for its tasks. */
export interface OperatorIdentity extends IdentityPorts {
  /** Where the references of tasks are looked up, within what the operator allows. */
  readonly sources: SecretSources;
  /** Calls `learn` with each credential that is read or issued from now on. */
  readonly onIssued: (learn: (value: string) => void) => void;
}

/**
 * Environment, files, profiles and cluster of this process, as the kinds of authentication need them.
 * @throws CONFIG for an address of the cluster that is not https.
 */
export function createOperatorIdentity(env: Environment): OperatorIdentity {
  const settings = readKubernetesSettings(env);
  const kubernetes = settings === undefined ? undefined : createKubernetesApi(settings);
  const sources: SecretSources = {
    kubernetes,
    readProfile: (name, key) => readProfileValue(env, name, key),
  };
  const readSecret = createSecretResolver({
    ...sources,
    env,
    allowed: 'all',
    readFile: (path) => readFile(path, 'utf8'),
  });
  const learners: ((value: string) => void)[] = [];
  return {
    env,
    kubernetes,
    readSecret: (reference) => readSecret(reference),
    onSecret: (value) => {
      for (const learn of learners) learn(value);
    },
    sources,
    onIssued: (learn) => {
      learners.push(learn);
    },
  };
}
