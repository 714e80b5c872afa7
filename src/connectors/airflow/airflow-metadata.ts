import { z } from 'zod';
import {
  invalidTask,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type MetadataType,
} from '../../connector';

const METADATA_VERSION = 1;

/** Taken as they are: what came as JSON is JSON, and a copy could lose a member. */
const json = z.custom<JsonValue>((value) => value !== undefined);
const jsonObject = z.custom<JsonObject>(isJsonObject, { error: 'must be an object' });
const jsonObjects = z.custom<Readonly<Record<string, JsonObject>>>(
  (value) => isJsonObject(value) && Object.values(value).every(isJsonObject),
  { error: 'must be an object of objects' },
);
const classSpec = { module: z.string(), name: z.string(), parameters: jsonObject };
const epochMs = z.int();

const taskContext = z.object({
  dagId: z.string(),
  taskId: z.string(),
  runId: z.string(),
  tryNumber: z.int(),
  retries: z.int(),
  startedAt: epochMs,
  logicalDate: z.string(),
  dataIntervalStart: z.string().exactOptional(),
  dataIntervalEnd: z.string().exactOptional(),
  conf: jsonObject,
  params: jsonObject,
  upstream: jsonObjects,
  connections: jsonObjects,
  variables: jsonObject,
  project: z.string().exactOptional(),
});

const step = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('execute') }),
  z.object({ kind: z.literal('poke'), firstStartedAt: epochMs, nextPokeAt: epochMs }),
  z.object({ kind: z.literal('trigger') }),
  z.object({
    kind: z.literal('resume'),
    nextMethod: z.string(),
    nextKwargs: json,
    event: json.exactOptional(),
  }),
  z.object({ kind: z.literal('kill'), reason: z.string(), after: z.literal('lost').exactOptional() }),
  z.object({ kind: z.literal('ended') }),
]);

/**
 * The same as `AirflowMetadata` of the Python worker, letter by letter: it writes and reads most of them. Members that a
 * later release adds are left out, there and here.
 */
const metadata = z.object({
  version: z.literal(METADATA_VERSION),
  airflowMajor: z.union([z.literal(2), z.literal(3)]),
  token: z.string().min(1),
  airflowOperator: z.object(classSpec).exactOptional(),
  airflowHook: z.object({ ...classSpec, method: z.string(), args: jsonObject }).exactOptional(),
  airflowTrigger: z
    .object({ classpath: z.string(), kwargs: json, deadlineAt: epochMs.exactOptional() })
    .exactOptional(),
  airflowTriggerCallback: z.string().exactOptional(),
  nextKwargs: json.exactOptional(),
  jobId: z.string().min(1).exactOptional(),
  links: z.array(z.object({ name: z.string(), uri: z.string() })).exactOptional(),
  task: taskContext,
  step,
  operatorState: jsonObject,
  taskState: jsonObject,
  xcoms: jsonObject,
});

/** All that is needed to go on with an Airflow task on any worker of the same major. No secret values. */
export type AirflowMetadata = z.infer<typeof metadata>;

/** Reads and writes the resource meta; refuses Flyte's own, which is a Python pickle and never loaded. */
export const AirflowMetadata: MetadataType<AirflowMetadata> = {
  parse: parseMetadata,
  encode: (meta) => new TextEncoder().encode(JSON.stringify(meta)),
  decode: (bytes) => parseMetadata(parseText(bytes)),
  externalId: ({ jobId, token }) => jobId ?? token,
};

/** With this a pickle of protocol 2 or newer begins. */
const PICKLE_MARK = 0x80;

function parseText(bytes: Uint8Array): unknown {
  if (bytes[0] === PICKLE_MARK) {
    throw invalidTask(
      'resource_meta',
      'is a Python pickle of Flyte’s own Airflow connector; it is not read here, because reading it could run code',
    );
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unreadable';
    throw invalidTask('resource_meta', `is not JSON: ${reason}`);
  }
}

function parseMetadata(value: unknown): AirflowMetadata {
  if (!isJsonObject(value)) throw invalidTask('resource_meta', 'must be a JSON object');
  const { version = null } = value;
  if (version !== METADATA_VERSION) {
    throw invalidTask(
      'resource_meta.version',
      `is not understood here (known: ${METADATA_VERSION})`,
      version,
    );
  }
  const { data, error } = metadata.safeParse(value);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  const path = ['resource_meta', ...(issue?.path ?? [])].map(String).join('.');
  throw invalidTask(path, issue?.message ?? 'is not understood');
}
