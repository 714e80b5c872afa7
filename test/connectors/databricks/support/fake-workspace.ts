import type { JsonObject } from '../../../../src/connector';
import {
  startHttpServer,
  type Answer,
  type Handler,
  type Reply,
  type SeenRequest,
} from '../../../support/http-server';

export interface FakeWorkspace {
  readonly host: string;
  readonly requests: readonly SeenRequest[];
  /** Answers requests whose path ends so; the latest rule wins. */
  on(pathEnd: string, handler: Handler | Reply): void;
  requestsTo(pathEnd: string): SeenRequest[];
  close(): Promise<void>;
}

/** A workspace that knows nothing but the answers that a test gives it. */
export async function startFakeWorkspace(): Promise<FakeWorkspace> {
  const rules: { pathEnd: string; handler: Handler }[] = [];
  const { url, requests, close } = await startHttpServer((request) => {
    const rule = rules.findLast(({ pathEnd }) => request.path.endsWith(pathEnd));
    return rule === undefined ? notFound(request.path) : rule.handler(request);
  });
  return {
    host: url,
    requests,
    on: (pathEnd, handler) => {
      rules.push({ pathEnd, handler: typeof handler === 'function' ? handler : () => handler });
    },
    requestsTo: (pathEnd) => requests.filter(({ path }) => path.endsWith(pathEnd)),
    close,
  };
}

function notFound(path: string): Answer {
  return apiError(404, 'ENDPOINT_NOT_FOUND', `No API found for ${path}`);
}

type ApiErrorParts = [status: number, code: string, message: string, headers?: Record<string, string>];

export function apiError(...parts: ApiErrorParts): Answer {
  const [status, code, message, headers = {}] = parts;
  return { status, headers, body: { error_code: code, message } };
}

/** A run or task run in the shape of Jobs API 2.2. */
export function runOf(lifeCycle: string, result?: string, more: JsonObject = {}): JsonObject {
  return {
    run_id: 4711,
    job_id: 12,
    run_page_url: 'https://example.invalid/?o=1#job/12/run/4711',
    state: { life_cycle_state: lifeCycle, ...(result === undefined ? {} : { result_state: result }) },
    ...more,
  };
}

export function taskOf(taskKey: string, runId: number, more: JsonObject = {}): JsonObject {
  return {
    task_key: taskKey,
    run_id: runId,
    attempt_number: 0,
    start_time: 1_000 + runId,
    end_time: 2_000 + runId,
    state: { life_cycle_state: 'TERMINATED', result_state: 'SUCCESS' },
    ...more,
  };
}
