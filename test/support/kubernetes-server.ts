import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startHttpServer, type Answer } from './http-server';

export interface ServiceAccountFixture {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A small API server: Secrets, ServiceAccounts by label, and their token subresource. Bearer tokens only. */
export interface KubernetesServer {
  /** What a process in the cluster would have in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Method and path of each request. */
  readonly requests: readonly string[];
  /** `namespace/name` → decoded members; to be changed at will. */
  readonly secrets: Map<string, Record<string, string>>;
  readonly serviceAccounts: ServiceAccountFixture[];
  /** Namespaces that answer 403. */
  readonly forbidden: Set<string>;
  /** A renewed token of the pod: the old one is refused at once. */
  rotateToken(token: string): void;
  close(): Promise<void>;
}

const ROOT = '/api/v1/namespaces';

export async function startKubernetesServer(): Promise<KubernetesServer> {
  const tokenFile = join(mkdtempSync(join(tmpdir(), 'lh-k8s-')), 'token');
  let podToken = '';
  const rotateToken = (token: string): void => {
    podToken = token;
    writeFileSync(tokenFile, `${token}\n`);
  };
  rotateToken('pod-token-canary-1');
  const requests: string[] = [];
  const secrets: KubernetesServer['secrets'] = new Map();
  const serviceAccounts: ServiceAccountFixture[] = [];
  const forbidden = new Set<string>();
  const { url, close } = await startHttpServer(({ method, target, path, query, headers, text }) => {
    requests.push(`${method} ${target}`);
    if (headers.authorization !== `Bearer ${podToken}`) return refusal(401, 'Unauthorized');
    const [namespace = '', kind, name = '', sub] = path.slice(ROOT.length + 1).split('/');
    if (forbidden.has(namespace)) return refusal(403, `cannot get resource in ${namespace}`);
    if (kind === 'secrets') return readSecret(secrets.get(`${namespace}/${name}`));
    const accounts = serviceAccounts.filter((account) => account.namespace === namespace);
    if (sub === 'token') {
      const found = accounts.some((account) => account.name === name);
      return found ? { status: 201, body: tokenOf(`${namespace}/${name}`, text) } : refusal(404, 'not found');
    }
    const selector = query.get('labelSelector') ?? '';
    return { body: { items: accounts.filter((account) => isSelected(account, selector)).map(toItem) } };
  });
  return {
    env: { LONGHAUL_KUBERNETES_API: url, LONGHAUL_KUBERNETES_TOKEN_FILE: tokenFile },
    ...{ requests, secrets, serviceAccounts, forbidden, rotateToken },
    close,
  };
}

function refusal(code: number, message: string): Answer {
  return { status: code, body: { kind: 'Status', status: 'Failure', message } };
}

function readSecret(members: Record<string, string> | undefined): Answer {
  if (members === undefined) return refusal(404, 'secrets not found');
  const encoded = Object.entries(members).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return { body: { kind: 'Secret', data: Object.fromEntries(encoded) as object } };
}

/** Says whose and for whom it is, so that a test can tell. */
function tokenOf(account: string, body: string): object {
  const { spec } = JSON.parse(body) as { spec: { audiences: string[] } };
  return { kind: 'TokenRequest', status: { token: `jwt-canary:${account}:${spec.audiences.join('+')}` } };
}

function isSelected({ labels = {} }: ServiceAccountFixture, selector: string): boolean {
  const [label = '', value] = selector.split('=');
  return labels[label] === value;
}

function toItem({ namespace, name, labels, annotations }: ServiceAccountFixture): object {
  return { metadata: { namespace, name, labels, annotations } };
}
