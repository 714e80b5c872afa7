import type { CallContext, CreateRequest, JsonObject, TaskTemplate } from '../../../../src/connector';
import {
  createDatabricksConnectors,
  loadWorkspaces,
  type DatabricksConnectorV2,
  type WorkspaceAuth,
} from '../../../../src/connectors/databricks';
import type { FakeWorkspace } from './fake-workspace';

export const TOKEN = 'dapi-canary-0123456789';
export const IDEMPOTENCY_TOKEN = 'lh-0197a2b4-aaaa-7bbb-8ccc-1234567890ab-1';

export interface TestCall extends CallContext {
  readonly submits: () => number;
}

export function callContext(options: Partial<CallContext> = {}): TestCall {
  let submits = 0;
  return {
    signal: new AbortController().signal,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    now: () => Date.now(),
    resolveSecret: async (reference) => `value-of-${reference}`,
    connectionSecret: async () => undefined,
    redact: (text) => text,
    announceSubmit: () => {
      submits += 1;
    },
    saveState: () => undefined,
    previousState: undefined,
    ...options,
    submits: () => submits,
  };
}

/** What a test asks must not wait for a budget that is not its subject. */
export const NO_WAITING = { requestsPerSecond: 100_000, submitsPerSecond: 100_000 };

export function connectorFor(
  fake: Pick<FakeWorkspace, 'host'>,
  options: { auth?: WorkspaceAuth; requestTimeoutMs?: number } = {},
): DatabricksConnectorV2 {
  const { auth = { kind: 'pat', token: TOKEN }, requestTimeoutMs = 5_000 } = options;
  const workspaces = loadWorkspaces({
    env: {},
    readFile: () => undefined,
    extra: [{ name: 'simulated', host: fake.host, auth, requestTimeoutMs, limits: NO_WAITING }],
  });
  const [connector] = createDatabricksConnectors({ workspaces, version: '1.2.3' });
  if (connector === undefined) throw new Error('no connector');
  return connector;
}

export function template(custom: JsonObject, more: Partial<TaskTemplate> = {}): TaskTemplate {
  return { type: 'databricks', version: 0, custom, ...more };
}

export function submitRequest(request: JsonObject, more: Partial<TaskTemplate> = {}): CreateRequest {
  return { template: template({ request }, more), idempotencyToken: IDEMPOTENCY_TOKEN };
}

export function notebookTask(key: string, more: JsonObject = {}): JsonObject {
  return { task_key: key, notebook_task: { notebook_path: `/${key}` }, ...more };
}

/** The error a promise was rejected with; fails when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (thrown) {
    return thrown;
  }
  throw new Error('expected a rejection');
}
