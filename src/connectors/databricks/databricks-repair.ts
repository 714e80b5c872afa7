import {
  invalidTask,
  isJsonObject,
  LonghaulError,
  type CallContext,
  type CreateRequest,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  type Observation,
} from '../../connector';
import { readRunWithHistory, startRepair, type Run } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import { compact, isJsonArray, objectAt, objectsAt, textAt } from './databricks-json';
import { DatabricksJobMetadata } from './databricks-metadata';
import { isEnded, lastRepairId, notInTurn, observeWithRepairs, toBegun } from './databricks-look';
import { resolveBody } from './databricks-request';
import { assertTasksOf, blockersOf, readTaskRuns } from './databricks-tasks';

/** What a person may ask of a repair; all of it optional. */
export interface RepairOptions {
  /** Task keys; default: all that failed. */
  readonly tasks?: readonly string[];
  /** Over those of the run itself. */
  readonly jobParameters?: Readonly<Record<string, string>>;
  /** Tasks that depend on the repaired ones run again too; default true. */
  readonly dependents: boolean;
}

/** Reads the options of a repair. @throws INVALID_TASK naming the field. */
export function parseRepairOptions(options: JsonObject): RepairOptions {
  const { tasks, jobParameters, dependents = true, ...unknown } = options;
  const [foreign] = Object.keys(unknown);
  if (foreign !== undefined) {
    throw invalidTask(`options.${foreign}`, 'is not known (known: tasks, jobParameters, dependents)');
  }
  if (typeof dependents !== 'boolean') throw invalidTask('options.dependents', 'must be true or false');
  return {
    dependents,
    ...(tasks === undefined ? {} : { tasks: parseTexts('options.tasks', tasks) }),
    ...(jobParameters === undefined ? {} : { jobParameters: parseParameters(jobParameters) }),
  };
}

function parseTexts(field: string, value: JsonValue): string[] {
  const texts = isJsonArray(value) ? value.filter((item) => typeof item === 'string') : [];
  if (isJsonArray(value) && texts.length > 0 && texts.length === value.length) return texts;
  throw invalidTask(field, 'must be a list of task keys', value);
}

function parseParameters(value: JsonValue): Record<string, string> {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  const texts = entries.flatMap(([key, item]) => (typeof item === 'string' ? [[key, item] as const] : []));
  if (isJsonObject(value) && texts.length === entries.length) return Object.fromEntries(texts);
  throw invalidTask('options.jobParameters', 'must be an object of texts');
}

/** A run to repair, as it was known when it had ended. */
export interface Repair {
  readonly client: DatabricksClient;
  readonly meta: DatabricksJobMetadata;
  readonly request: CreateRequest;
  readonly options: RepairOptions;
}

/** The same with options as they were asked. */
export type AskedRepair = Omit<Repair, 'options'> & { readonly options: JsonObject };

/**
 * Begins a repair once, whatever is repeated. Repairs have no idempotency token; the chain of their ids takes its place:
 * the meta says which was the last one when the run had ended, so a later one in the run's history is ours, unanswered,
 * or another's, and is followed. Databricks refuses a repair that names another than the last one, so a request that
 * arrives late does nothing. @throws JOB_ACTIVE while the run is active for another reason.
 */
export async function repairRun(asked: AskedRepair, call: CallContext): Promise<Observation> {
  const repair = { ...asked, options: parseRepairOptions(asked.options) };
  const { client, meta } = repair;
  const rest = notInTurn(call);
  const before = await readRunWithHistory(client, meta.runId, rest);
  const known = knownRepairId(meta, before, call);
  const begun = await followBegun(repair, { run: before, known }, rest);
  if (begun !== undefined) return begun;
  assertTasksOf(readTaskRuns(before.tasks), repair.options.tasks ?? [], 'options.tasks');
  try {
    const repairId = await sendRepair(repair, { run: before, known }, call);
    return toBegun({ ...meta, latestRepairId: repairId }, remarkOn(repair.options, before));
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!(thrown instanceof LonghaulError) || thrown.code !== 'INVALID_TASK') throw thrown;
    const after = await readRunWithHistory(client, meta.runId, rest);
    const late = await followBegun(repair, { run: after, known }, rest);
    if (late === undefined) throw thrown;
    return late;
  }
}

/** Databricks takes a repair of tasks whose upstream has failed, and skips them again. */
function remarkOn({ tasks = [] }: RepairOptions, run: Run): string {
  const blockers = blockersOf(tasks, readTaskRuns(run.tasks));
  if (blockers.length === 0) return '';
  const names = blockers.join(', ');
  return `; it skips again what needs ${names}, which did not succeed: name ${names} for the repair too`;
}

/** A meta that nobody has looked at yet tells no chain: then the first try has said where it began. */
function knownRepairId(meta: DatabricksJobMetadata, before: Run, call: CallContext): string | null {
  if (meta.latestRepairId !== undefined) return meta.latestRepairId;
  const earlier = call.previousState?.['latestRepairId'];
  const known = typeof earlier === 'string' || earlier === null ? earlier : lastRepairId(before);
  call.saveState({ latestRepairId: known });
  return known;
}

/** A run and the last repair that was known of it; null: none. */
interface KnownRun {
  readonly run: Run;
  readonly known: string | null;
}

async function followBegun(
  { client, meta }: Repair,
  { run, known }: KnownRun,
  call: CallContext,
): Promise<Observation | undefined> {
  const last = lastRepairId(run);
  if (last !== known) {
    return observeWithRepairs({ client, meta: { ...meta, latestRepairId: last }, run }, call);
  }
  if (isEnded(run)) return undefined;
  throw new LonghaulError('JOB_ACTIVE', `Run ${meta.runId} is active; it can be repaired once it has ended.`);
}

async function sendRepair(
  { client, meta, request, options }: Repair,
  { run, known }: KnownRun,
  call: CallContext,
): Promise<string> {
  const unresolved = toRepairBody({ run, known, request, options });
  const { body, secrets } = await resolveBody({ run_id: meta.runId, ...unresolved }, call.resolveSecret);
  return startRepair(client, { body, secrets, announce: () => call.announceSubmit() }, call);
}

interface RepairPlan extends Pick<KnownRun, 'known'> {
  readonly run: Pick<Run, 'raw'>;
  readonly request: CreateRequest;
  readonly options: RepairOptions;
}

/** Overrides of `run-now`, which Databricks forgets in a repair unless they are sent again. */
const OVERRIDES = [
  ...['notebook_params', 'jar_params', 'python_params', 'python_named_params', 'spark_submit_params'],
  ...['sql_params', 'dbt_commands', 'pipeline_params', 'performance_target'],
] as const;

/** The body of `runs/repair`, without the run. Parameters of the run first, then of the request, then those given now. */
export function toRepairBody({ run, known, request, options }: RepairPlan): JsonObject {
  const asked = objectAt(request.template.custom, 'request');
  const parameters = {
    ...parametersOf(run.raw),
    ...objectAt(asked, 'job_parameters'),
    ...options.jobParameters,
  };
  return compact({
    ...(options.tasks === undefined ? { rerun_all_failed_tasks: true } : { rerun_tasks: options.tasks }),
    rerun_dependent_tasks: options.dependents,
    latest_repair_id: known ?? undefined,
    ...overridesOf(objectAt(run.raw, 'overriding_parameters')),
    ...(isOfJob(asked) ? overridesOf(asked) : {}),
    job_parameters: Object.keys(parameters).length === 0 ? undefined : parameters,
  });
}

function isOfJob(request: JsonObject): boolean {
  return request['job_id'] !== undefined || request['job_name'] !== undefined;
}

/** What the run was given; a default is the job's own business. */
function parametersOf(raw: JsonObject): JsonObject {
  const given = objectsAt(raw, 'job_parameters').flatMap((parameter) => {
    const name = textAt(parameter, 'name');
    const { value, default: usual } = parameter;
    return name === undefined || value === undefined || value === usual ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

function overridesOf(source: JsonObject): JsonObject {
  const given = OVERRIDES.flatMap((key) => {
    const value = source[key];
    return value === undefined || value === null ? [] : [[key, value] as const];
  });
  return Object.fromEntries(given);
}

/** Why a repair surely did not begin. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'INVALID_TASK',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'JOB_ACTIVE',
]);

/**
 * Before a run is stopped whose repair was never answered: that request may still arrive. Now the repair is begun, or
 * was; Databricks refuses whatever comes later, because it names an older one. Then the run can be stopped for good.
 * @returns the meta that names that repair, so that an end from before it is not taken for the stop.
 */
export async function settleRepair(asked: AskedRepair, call: CallContext): Promise<DatabricksJobMetadata> {
  const { meta } = asked;
  // Without a known chain nobody can tell whether it was begun: each call would begin another one.
  if (meta.latestRepairId === undefined) return meta;
  const settled = call.previousState?.['settledRepairId'];
  if (typeof settled === 'string') return { ...meta, latestRepairId: settled };
  try {
    const begun = DatabricksJobMetadata.parse((await repairRun(asked, call)).meta);
    call.saveState({ settledRepairId: begun.latestRepairId ?? null });
    return begun;
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!REFUSALS.has(LonghaulError.from(thrown).code)) throw thrown;
    return meta;
  }
}
