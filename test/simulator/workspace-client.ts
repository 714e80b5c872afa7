import { parse } from 'lossless-json';
import { request } from 'undici';

import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator';
import { waitUntil } from '../support/wait-until';

export interface StateJson {
  readonly life_cycle_state: string;
  readonly result_state?: string;
}

export interface StatusJson {
  readonly state: string;
  readonly termination_details?: { readonly code: string; readonly type: string };
  readonly queue_details?: { readonly code: string };
}

export interface TaskJson {
  readonly run_id: string;
  readonly attempt_number: number;
  readonly original_attempt_run_id: string;
  readonly start_time: number;
  readonly state: StateJson;
  readonly status: StatusJson;
  readonly condition_task: { readonly outcome: string };
  readonly who_knows: unknown;
}

/** Any answer of the workspace: the fields tests look at. Ids beyond 2^53 are strings of their digits. */
export interface Json {
  readonly run_id: string;
  readonly job_id: string;
  readonly number_in_job: string;
  readonly repair_id: string;
  readonly start_time: number;
  readonly end_time: number;
  readonly state: StateJson;
  readonly status: StatusJson;
  readonly tasks: readonly TaskJson[];
  readonly runs: readonly Json[];
  readonly jobs: readonly unknown[];
  readonly settings: { readonly tasks: readonly unknown[] };
  readonly repair_history: readonly unknown[];
  readonly has_more: boolean;
  readonly next_page_token?: string;
  readonly notebook_output: unknown;
  readonly logs?: string;
  readonly views?: readonly { readonly content: string }[];
  readonly error: string;
  readonly error_trace: string;
  readonly error_code: string;
  readonly message: string;
  readonly metadata: { readonly run_id: string };
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly token_endpoint?: string;
  readonly oidc_endpoint?: string;
}

export const TOKEN = 'dapi-test';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: Json;
}

/** The workspace's address, and how to call it if not with the usual token and version. */
export type Target = string | TargetOptions;
export interface TargetOptions {
  readonly url: string;
  readonly version?: string;
  readonly token?: string;
  /** Send the parameters of a GET as a JSON body. */
  readonly bodyOnGet?: boolean;
  readonly signal?: AbortSignal;
}

const running: Simulator[] = [];

export async function simulate(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ tokens: [TOKEN], speed: 20, ...options });
  running.push(simulator);
  return simulator;
}

export async function closeSimulators(): Promise<void> {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()));
}

export function post(target: Target, path: string, body: unknown): Promise<Reply> {
  return call(target, { method: 'POST', path, body: JSON.stringify(body) });
}

type Params = Readonly<Record<string, string | undefined>>;

export function get(target: Target, path: string, params: Params): Promise<Reply> {
  const inBody = typeof target !== 'string' && target.bodyOnGet === true;
  if (inBody) return call(target, { method: 'GET', path, body: JSON.stringify(params) });
  const given = Object.entries(params).flatMap<[string, string]>(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  return call(target, { method: 'GET', path: `${path}?${new URLSearchParams(given).toString()}` });
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

async function call(target: Target, { path, ...rest }: Call): Promise<Reply> {
  const {
    url,
    version = '2.2',
    token = TOKEN,
    signal,
  } = typeof target === 'string' ? { url: target } : target;
  const address = path.startsWith('/') ? `${url}${path}` : `${url}/api/${version}/jobs/${path}`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await request(address, { ...rest, headers, ...(signal === undefined ? {} : { signal }) });
  const text = await response.body.text();
  return { status: response.statusCode, headers: response.headers, text, body: parseJson(text) };
}

/** What is no JSON (a proxy's page) is an empty object. */
function parseJson(text: string): Json {
  try {
    return parse(text, null, (digits) => (/^\d{16,}$/.test(digits) ? digits : Number(digits))) as Json; // asserted on
  } catch {
    return Object.create(null) as Json; // asserted on
  }
}

export async function submit(target: Target, body: unknown): Promise<string> {
  const reply = await post(target, 'runs/submit', body);
  if (reply.status !== 200) throw new Error(`submit: ${reply.status} ${reply.text}`);
  return reply.body.run_id;
}

export async function getRun(target: Target, runId: string): Promise<Json> {
  return (await get(target, 'runs/get', { run_id: runId })).body;
}

/** Waits until `accept` takes the run. */
export function runWhere(url: string, runId: string, accept: (run: Json) => boolean): Promise<Json> {
  return waitUntil(
    `run ${runId}`,
    async () => {
      const run = await getRun(url, runId);
      return accept(run) ? run : undefined;
    },
    10_000,
  );
}

export function ended(url: string, runId: string): Promise<Json> {
  return runWhere(url, runId, (run) => run.status.state === 'TERMINATED');
}

export function inLifeCycle(url: string, runId: string, lifeCycle: string): Promise<Json> {
  return runWhere(url, runId, (run) => run.state.life_cycle_state === lifeCycle);
}

/** A task that no test waits for: its outcome is scripted. */
export function notebook(key: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { task_key: key, notebook_task: { notebook_path: `/${key}` }, ...more };
}
