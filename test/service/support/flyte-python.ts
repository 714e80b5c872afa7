/**
 * Drives a connector service as Flyte's engines do, by the Python stubs of the published `flyteidl` and `flyteidl2`:
 *
 *     const python = await openFlytePython();              // beforeAll; one process for a test file
 *     const flyte = python.at('127.0.0.1:8000');           // as many addresses as a test needs
 *     const job = valueOf(await flyte.v1.create({ template: 'v1-databricksv2-new-cluster' }));
 *     const { phases, last } = await flyte.v1.follow(job);
 *     await flyte.v1.delete(job);
 *     await python.close();                                // afterAll
 *
 * Calls may run at once. An error of the service is a value (`ok: false` with code, details and ErrorInfo); a promise
 * rejects only when the call itself was ill-made or the Python process is gone.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { JsonObject, JsonValue } from '../../../src/connector';
import {
  listAt,
  objectsAt,
  textAt,
  toAgent,
  toLogPage,
  toLook,
  type FlyteAgent,
  type FlyteLook,
  type LogPage,
} from './flyte-replies';
import { buildCreate, connectionOf, objectAt, type FlyteCreate, type FlyteVersion } from './flyte-requests';
import { startPythonProcess, type DriveAnswer, type GrpcFailure, type PythonProcess } from './python-process';

/** The deadline of Flyte's engine for every call. */
const ENGINE_TIMEOUT_MS = 10_000;
const FOLLOW_LIMIT_MS = 30_000;
const POLL_MS = 50;
const TERMINAL: ReadonlySet<string> = new Set(['SUCCEEDED', 'FAILED', 'ABORTED', 'RETRYABLE_FAILED']);

export type FlyteReply<T> =
  | { readonly ok: true; readonly latencyMs: number; readonly value: T }
  | ({ readonly ok: false; readonly latencyMs: number } & GrpcFailure);

/** What an engine keeps of a job. Base64 in `resourceMeta`; spread it to change a part. */
export interface FlyteJob {
  readonly resourceMeta: string;
  /** The fields below are as the create had them; `taskType` without one is `databricks`. */
  readonly taskType?: string;
  readonly taskVersion?: number;
  readonly outputPrefix?: string;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface Followed {
  /** Each phase once for each time it was entered, in order. */
  readonly phases: readonly string[];
  readonly looks: readonly FlyteLook[];
  readonly last: FlyteLook;
  /** GetTask calls that failed: Flyte's engine gives up after five. */
  readonly failures: readonly GrpcFailure[];
}

export interface FollowOptions {
  /** Default: the phase is a last one. */
  readonly until?: (look: FlyteLook) => boolean;
  readonly pollMs?: number;
  readonly limitMs?: number;
}

export interface CallOptions {
  /** Default 10 s, as the engine's. */
  readonly timeoutMs?: number;
}

/** One of Flyte's two APIs at one address. */
export interface FlyteApi {
  create(options: FlyteCreate): Promise<FlyteReply<FlyteJob>>;
  get(job: FlyteJob, options?: CallOptions): Promise<FlyteReply<FlyteLook>>;
  delete(job: FlyteJob, options?: CallOptions): Promise<FlyteReply<undefined>>;
  /** Polls until the phase is a last one; throws when it is not within `limitMs` (30 s). */
  follow(job: FlyteJob, options?: FollowOptions): Promise<Followed>;
  /** ListAgents or ListConnectors. */
  list(options?: CallOptions): Promise<FlyteReply<readonly FlyteAgent[]>>;
  /** GetAgent or GetConnector. */
  describe(name: string, options?: CallOptions): Promise<FlyteReply<FlyteAgent>>;
  logs(job: FlyteJob, page?: { lines?: number; token?: string } & CallOptions): Promise<FlyteReply<LogPage>>;
  metrics(
    job: FlyteJob,
    queries?: { queries?: readonly string[] } & CallOptions,
  ): Promise<FlyteReply<readonly JsonValue[]>>;
}

export interface FlyteClient {
  readonly v1: FlyteApi;
  readonly v2: FlyteApi;
  /** `SERVING` or such; the empty name is the whole server. */
  health(service?: string): Promise<FlyteReply<string>>;
  /** By service and method, resolved as grpcurl does. */
  reflection(): Promise<FlyteReply<JsonObject>>;
  /** Any method by its path: proto JSON in (a list for a stream), proto JSON out; `bytes` as in `drive.py`. */
  call(path: string, request: JsonObject | readonly JsonObject[], options?: RawOptions): Promise<RawReply>;
}

export type RawOptions = CallOptions & { readonly bytes?: string };
export type RawReply = FlyteReply<readonly JsonObject[]>;

export interface FlytePython {
  /** With `tls`, PEM texts: `{ ca }` or `{ ca, key, cert }`. */
  at(address: string, tls?: JsonObject): FlyteClient;
  close(): Promise<void>;
}

/** Starts Python, with the stubs in an environment made once for the machine; allow 60 s for the first time. */
export async function openFlytePython(): Promise<FlytePython> {
  const python = await startPythonProcess();
  return { at: (address, tls) => createClient(createCall(python, address, tls)), close: python.close };
}

/** The value of a reply that must be one. @throws with the status of the service otherwise. */
export function valueOf<T>(reply: FlyteReply<T>): T {
  if (reply.ok) return reply.value;
  throw new Error(`${reply.code}: ${reply.details}`);
}

function createCall(python: PythonProcess, address: string, tls?: JsonObject): FlyteClient['call'] {
  return async (path, request, { timeoutMs = ENGINE_TIMEOUT_MS, bytes } = {}) => {
    const more = { ...(bytes === undefined ? {} : { bytes }), ...(tls === undefined ? {} : { tls }) };
    return toRawReply(await python.drive({ address, call: path, request, timeoutMs, ...more }));
  };
}

function toRawReply(answer: DriveAnswer): RawReply {
  return answer.ok ? { ok: true, latencyMs: answer.latencyMs, value: answer.messages } : answer;
}

function mapReply<T>(reply: RawReply, convert: (messages: readonly JsonObject[]) => T): FlyteReply<T> {
  return reply.ok ? { ...reply, value: convert(reply.value) } : reply;
}

function createClient(call: FlyteClient['call']): FlyteClient {
  return {
    v1: createApi('v1', call),
    v2: createApi('v2', call),
    health: async (service = '') =>
      mapReply(await call('grpc.health.v1.Health/Check', { service }), ([answer]) =>
        textAt(answer, 'status', 'UNKNOWN'),
      ),
    reflection: async () => mapReply(await call('reflection', {}), ([services]) => services ?? {}),
    call,
  };
}

interface Paths {
  readonly tasks: string;
  readonly list: string;
  readonly describe: string;
  /** The field an agent stands in. */
  readonly agent: string;
}

const PATHS: Readonly<Record<FlyteVersion, Paths>> = {
  v1: {
    tasks: 'flyteidl.service.AsyncAgentService',
    list: 'flyteidl.service.AgentMetadataService/ListAgents',
    describe: 'flyteidl.service.AgentMetadataService/GetAgent',
    agent: 'agent',
  },
  v2: {
    tasks: 'flyteidl2.connector.AsyncConnectorService',
    list: 'flyteidl2.connector.ConnectorMetadataService/ListConnectors',
    describe: 'flyteidl2.connector.ConnectorMetadataService/GetConnector',
    agent: 'connector',
  },
};

function createApi(version: FlyteVersion, call: FlyteClient['call']): FlyteApi {
  const { tasks, list, describe, agent } = PATHS[version];
  const get: FlyteApi['get'] = async (job, options) => {
    const request = { ...jobRequest(version, job), outputPrefix: job.outputPrefix ?? '' };
    return mapReply(await call(`${tasks}/GetTask`, request, options), ([reply]) => toLook(reply));
  };
  return {
    get,
    follow: (job, options) => follow(() => get(job), options),
    create: async (options) => {
      const { request, bytes } = buildCreate(version, options);
      const more = { ...timeoutOf(options), ...(bytes === undefined ? {} : { bytes }) };
      const reply = await call(`${tasks}/CreateTask`, request, more);
      return mapReply(reply, ([created]) => toJob(created, request, options));
    },
    delete: async (job, options) =>
      mapReply(await call(`${tasks}/DeleteTask`, jobRequest(version, job), options), () => undefined),
    list: async (options) =>
      mapReply(await call(list, {}, options), ([reply]) => objectsAt(reply, `${agent}s`).map(toAgent)),
    describe: async (name, options) =>
      mapReply(await call(describe, { name }, options), ([reply]) => toAgent(objectAt(reply ?? {}, agent))),
    logs: async (job, { lines = 0, token = '', ...options } = {}) => {
      const request = { ...dataRequest(job), lines, token };
      return mapReply(await call(`${tasks}/GetTaskLogs`, request, options), toLogPage);
    },
    metrics: async (job, { queries = [], ...options } = {}) => {
      const request = { ...dataRequest(job), queries };
      const reply = await call(`${tasks}/GetTaskMetrics`, request, options);
      return mapReply(reply, ([metrics]) => listAt(metrics, 'results'));
    },
  };
}

async function follow(
  get: () => Promise<FlyteReply<FlyteLook>>,
  options: FollowOptions = {},
): Promise<Followed> {
  const { until = ({ phase }) => TERMINAL.has(phase), pollMs = POLL_MS, limitMs = FOLLOW_LIMIT_MS } = options;
  const [looks, failures, end]: [FlyteLook[], GrpcFailure[], number] = [[], [], Date.now() + limitMs];
  for (;;) {
    const reply = await get();
    if (reply.ok) looks.push(reply.value);
    else failures.push(reply);
    const last = looks.at(-1);
    if (reply.ok && last !== undefined && until(last)) {
      return { phases: phasesOf(looks), looks, last, failures };
    }
    if (Date.now() > end) throw new Error(`In vain for ${limitMs / 1000} s: ${JSON.stringify(reply)}`);
    await sleep(pollMs);
  }
}

function phasesOf(looks: readonly FlyteLook[]): string[] {
  const phases = looks.map(({ phase }) => phase);
  return phases.filter((phase, index) => phase !== phases[index - 1]);
}

/** As the engines send it: Flyte 1 fills the deprecated name too, Flyte 2 the secrets. */
function jobRequest(version: FlyteVersion, job: FlyteJob): JsonObject {
  const taskType = job.taskType ?? 'databricks';
  return { ...dataRequest(job), ...(version === 'v1' ? { taskType } : connectionOf(job)) };
}

/** Logs and metrics carry no secrets. */
function dataRequest({ resourceMeta, taskType, taskVersion = 0 }: FlyteJob): JsonObject {
  return { resourceMeta, taskCategory: { name: taskType ?? 'databricks', version: taskVersion } };
}

function timeoutOf({ timeoutMs }: CallOptions): CallOptions {
  return timeoutMs === undefined ? {} : { timeoutMs };
}

function toJob(reply: JsonObject | undefined, request: JsonObject, options: FlyteCreate): FlyteJob {
  const { secrets, configs } = options;
  return {
    resourceMeta: textAt(reply, 'resourceMeta'),
    taskType: textAt(objectAt(request, 'template'), 'type', 'databricks'),
    outputPrefix: textAt(request, 'outputPrefix'),
    ...(secrets === undefined ? {} : { secrets }),
    ...(configs === undefined ? {} : { configs }),
  };
}
