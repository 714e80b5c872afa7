import {
  isJsonObject,
  LonghaulError,
  resolveSecretReferences,
  type CreateRequest,
  type JsonObject,
  type SecretResolver,
} from '../../connector';
import { LONGEST_NAME_BYTES } from './databricks-fields';
import { textAt } from './databricks-json';
import type { DatabricksTask } from './databricks-task';

/** Twelve characters of the token tell runs apart for people; the token itself does for Databricks. */
const SUFFIX_CHARACTERS = 12;
/** What Databricks calls a run without a name. */
const DEFAULT_RUN_NAME = 'Untitled';

/**
 * The body as it will be sent, secrets still as references: the token in every one, and in the name of a submitted
 * run (which has no tags) whose it is. The same request gives the same body.
 */
export function buildRequestBody(task: DatabricksTask, request: CreateRequest): JsonObject {
  const token = request.idempotencyToken;
  const body = withQueue(withJobId(task, request), task);
  if (task.operation === 'run-now') return { ...body, idempotency_token: token };
  const name = textAt(body, 'run_name') ?? presence(request.template.name) ?? DEFAULT_RUN_NAME;
  return { ...body, run_name: nameWithToken(name, token), idempotency_token: token };
}

/**
 * A run that finds no room waits at Databricks instead of being skipped, unless the body says otherwise: 2.2 does so by
 * itself, 2.1 does not. A Flyte body stays as Flyte's own connectors send it.
 */
function withQueue(body: JsonObject, { isFlyte }: DatabricksTask): JsonObject {
  return isFlyte || body['queue'] !== undefined ? body : { ...body, queue: { enabled: true } };
}

/** Found once for each attempt, whatever is renamed while it is tried. */
export function preparedJobId({ prepared = {} }: Pick<CreateRequest, 'prepared'>): string | undefined {
  return textAt(prepared, 'jobId');
}

/** `job_name` is our word: Databricks gets the id. */
function withJobId(task: DatabricksTask, request: CreateRequest): JsonObject {
  if (task.jobName === undefined) return task.body;
  const { job_name: _name, ...body } = task.body;
  const jobId = preparedJobId(request);
  if (jobId !== undefined) return { job_id: jobId, ...body };
  throw new LonghaulError('INTERNAL', 'The job was not looked up by its name before the start.');
}

function presence(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** The part of a token that a run's name carries. */
export function markerOf(token: string): string {
  return token.slice(-SUFFIX_CHARACTERS);
}

/** The mark at the end of a run's name; undefined for runs that are not ours. */
export function readMarker(runName: string): string | undefined {
  return /\[lh:([\w-]{1,12})\]$/.exec(runName)?.[1];
}

/** `name [lh:<last 12 characters of the token>]`, the name cut to leave room within Databricks' 4,096 bytes. */
export function nameWithToken(name: string, token: string): string {
  const suffix = ` [lh:${markerOf(token)}]`;
  return `${truncateBytes(name, LONGEST_NAME_BYTES - suffix.length)}${suffix}`;
}

function truncateBytes(text: string, limit: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limit) return text;
  // A character cut in half decodes to U+FFFD at the end, which goes.
  return new TextDecoder().decode(bytes.subarray(0, limit)).replace(/\uFFFD$/, '');
}

/** A body ready to send, and the values in it that nobody may see again. */
export interface ResolvedBody {
  readonly body: JsonObject;
  readonly secrets: readonly string[];
}

/** Puts the secrets in; the result lives as long as the request. @throws what `resolve` throws. */
export async function resolveBody(body: JsonObject, resolve: SecretResolver): Promise<ResolvedBody> {
  const secrets: string[] = [];
  const resolved = await resolveSecretReferences(body, async (reference) => {
    const value = await resolve(reference);
    secrets.push(value);
    return value;
  });
  return { body: isJsonObject(resolved) ? resolved : {}, secrets };
}
