import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { types } from 'node:util';

import { Agent, request, type Dispatcher } from 'undici';

import { LonghaulError } from '../connector/errors';
import { isJsonObject, type JsonObject, type JsonValue } from '../connector/json';
import type { KubernetesApi, ServiceAccount } from '../connector/kubernetes';
import type { Environment } from './temporal-settings';

/** Where the API server is and how it is asked. */
export interface KubernetesSettings {
  /** Origin such as `https://10.0.0.1:443`. */
  readonly api: string;
  /** Read at each request: Kubernetes renews it every hour. */
  readonly tokenFile: string;
  /** Of the API server's certificate; without it the system's. */
  readonly caFile?: string;
}

/** What every pod finds in itself. */
const POD_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Short-lived: it is exchanged at once. */
const TOKEN_SECONDS = 3_600;
const ANSWER_WITHIN_MS = 15_000;

/**
 * The cluster of this process: `LONGHAUL_KUBERNETES_API`, else the one it runs in, else none. `off` is none.
 * @throws CONFIG for an address that is not https (http is for this machine only).
 */
export function readKubernetesSettings(env: Environment): KubernetesSettings | undefined {
  const given = env['LONGHAUL_KUBERNETES_API']?.trim() ?? '';
  if (given === 'off') return undefined;
  const tokenFile = env['LONGHAUL_KUBERNETES_TOKEN_FILE'] ?? `${POD_FOLDER}/token`;
  const podCa = `${POD_FOLDER}/ca.crt`;
  const caFile = env['LONGHAUL_KUBERNETES_CA_FILE'] ?? (existsSync(podCa) ? podCa : undefined);
  const files = { tokenFile, ...(caFile === undefined ? {} : { caFile }) };
  if (given !== '') return { api: assertSafeOrigin(given), ...files };
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  if (host === '' || !existsSync(tokenFile)) return undefined;
  const name = host.includes(':') ? `[${host}]` : host;
  return { api: `https://${name}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`, ...files };
}

function assertSafeOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return url.origin;
  throw new LonghaulError(
    'CONFIG',
    'LONGHAUL_KUBERNETES_API must be the https address of the cluster, or off.',
    { field: 'LONGHAUL_KUBERNETES_API' },
  );
}

/** Asks the API server with the token of the pod; one short request each, so no client library is kept around. */
export function createKubernetesApi(settings: KubernetesSettings): KubernetesApi {
  return {
    readSecret: async ({ namespace, name }) => {
      const answer = await ask(settings, { path: pathOf(namespace, 'secrets', name) });
      return answer === undefined ? undefined : decodeMembers(answer['data']);
    },
    listServiceAccounts: async ({ namespace, labelSelector }) => {
      const query = new URLSearchParams({ labelSelector }).toString();
      const answer = await ask(settings, { path: `${pathOf(namespace, 'serviceaccounts')}?${query}` });
      return parseServiceAccounts(answer?.['items']);
    },
    requestToken: async ({ namespace, name, audience }) => {
      const answer = await ask(settings, {
        path: `${pathOf(namespace, 'serviceaccounts', name)}/token`,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { audiences: [audience], expirationSeconds: TOKEN_SECONDS },
        },
      });
      const status = answer?.['status'];
      const token = isJsonObject(status) ? status['token'] : undefined;
      if (typeof token === 'string' && token !== '') return token;
      throw refused(`gave no token for the ServiceAccount ${namespace}/${name}`);
    },
  };
}

/** Names come from tasks and templates: they stay within their segment of the path. */
function pathOf(namespace: string, ...rest: readonly string[]): string {
  return `/api/v1/namespaces/${[namespace, ...rest].map(encodeSegment).join('/')}`;
}

function encodeSegment(text: string, index: number): string {
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text)) return text;
  throw refused(`knows no ${index === 0 ? 'namespace' : 'object'} named ${JSON.stringify(text)}`);
}

interface KubernetesQuestion {
  readonly path: string;
  readonly body?: JsonObject;
}

/** Undefined for what does not exist. */
async function ask(
  settings: KubernetesSettings,
  question: KubernetesQuestion,
): Promise<JsonObject | undefined> {
  const { statusCode, text } = await send(settings, question);
  if (statusCode === 404) return undefined;
  const [path] = question.path.split('?');
  if (statusCode >= 500 || statusCode === 429) {
    throw new LonghaulError('UNAVAILABLE', `Kubernetes answered ${statusCode} for ${path}.`);
  }
  if (statusCode < 200 || statusCode >= 300) {
    throw refused(`answered ${statusCode} for ${path}: ${messageOf(text)}`);
  }
  const answer = parseJson(text);
  if (answer !== undefined) return answer;
  throw new LonghaulError('UNAVAILABLE', `Kubernetes did not answer with a JSON object for ${path}.`);
}

async function send(
  settings: KubernetesSettings,
  { path, body }: KubernetesQuestion,
): Promise<{ statusCode: number; text: string }> {
  const token = await readToken(settings.tokenFile);
  const dispatcher = openDispatcher(settings);
  try {
    const answer = await request(`${settings.api}${path}`, {
      dispatcher,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        'content-type': 'application/json',
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    return { statusCode: answer.statusCode, text: await answer.body.text() };
  } catch (cause) {
    const words = types.isNativeError(cause) ? cause.message : 'unknown trouble';
    throw new LonghaulError('UNAVAILABLE', `Kubernetes (${settings.api}) cannot be reached: ${words}`, {
      cause,
    });
  } finally {
    await dispatcher.close();
  }
}

function openDispatcher({ caFile }: KubernetesSettings): Dispatcher {
  if (caFile === undefined) return new Agent();
  return new Agent({ connect: { ca: readFileSync(caFile, 'utf8') } });
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw refused(`needs the token in ${path}, which cannot be read`, cause);
  }
}

function refused(what: string, cause?: unknown): LonghaulError {
  return new LonghaulError('SECRET_UNAVAILABLE', `Kubernetes ${what}.`, {
    cause,
    advice: 'Check the role of the worker’s ServiceAccount: docs/workspaces.md lists what it needs.',
  });
}

function messageOf(text: string): string {
  const message = parseJson(text)?.['message'];
  return typeof message === 'string' ? message.slice(0, 500) : 'no message';
}

function parseJson(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function decodeMembers(data: JsonValue | undefined): Record<string, string> {
  if (!isJsonObject(data)) return {};
  const members = Object.entries(data).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [
          [
            key,
            Buffer.from(value, 'base64')
              .toString('utf8')
              .replace(/\r?\n$/, ''),
          ] as const,
        ]
      : [],
  );
  return Object.fromEntries(members);
}

function parseServiceAccounts(items: JsonValue | undefined): ServiceAccount[] {
  if (!Array.isArray(items)) return [];
  return items.filter(isJsonObject).flatMap((item: JsonObject) => {
    const { metadata } = item;
    if (!isJsonObject(metadata) || typeof metadata['name'] !== 'string') return [];
    return [{ name: metadata['name'], annotations: textsOf(metadata['annotations']) }];
  });
}

function textsOf(value: JsonValue | undefined): Record<string, string> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])),
  );
}
