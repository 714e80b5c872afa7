import {
  invalidTask,
  LonghaulError,
  type CallContext,
  type FoundJob,
  type JobFinder,
  type JobReference,
  type JsonObject,
  type ResourceMeta,
  type TaskOrJob,
} from '../../connector';
import { accessForRun, keptName, workspaceAskedBy } from './databricks-access';
import { listActiveRuns, readRun, readRunWithHistory, type Run } from './databricks-api';
import type { DatabricksClient, RequestContext } from './databricks-client';
import type { DatabricksClients } from './databricks-clients';
import type { WorkspaceDirectory } from './databricks-directory';
import { numberAt, textAt } from './databricks-json';
import { isEnded, isFromBeforeRepair, notInTurn } from './databricks-look';
import { createMetadata, DatabricksJobMetadata } from './databricks-metadata';
import { markerOf, readMarker } from './databricks-request';
import { mapRunState, readRunState } from './databricks-state';
import { parseOrigin, toInstance } from './databricks-workspace';

/** Finds runs by their ids, and by the mark that `nameWithToken` puts into the names of submitted ones. */
export function createFinder(clients: DatabricksClients, directory: () => WorkspaceDirectory): JobFinder {
  return {
    markerOf,
    checkReference: ({ externalId }) => assertRunId(externalId),
    places: () => directory().workspaces.map(({ name }) => name),
    placeOf: (about) => placeOf(directory(), about),
    jobKey,
    find: (reference, call) => findRun(clients, reference, call),
    listMarked: async ({ place, pageToken }, call) => {
      const client = clients.find(place);
      const { runs, nextPageToken } = await listActiveRuns(client, pageToken, call);
      const { workspace } = client;
      const from = { workspace, kept: keptName(workspace, directory()) };
      const jobs = runs.flatMap((run) => toMarkedJob(from, run) ?? []);
      return { jobs, ...(nextPageToken === undefined ? {} : { nextPageToken }) };
    },
  };
}

function assertRunId(runId: string): void {
  if (/^[1-9]\d{0,18}$/.test(runId)) return;
  throw invalidTask('run', 'must be a run id: a number of up to 19 digits', runId);
}

/** Of a task that was never checked here (another version's) nothing is known. */
function placeOf(directory: WorkspaceDirectory, about: TaskOrJob): string | undefined {
  try {
    const { selector, asker } = workspaceAskedBy(about, directory);
    return directory.resolveHost(selector, asker).name;
  } catch (thrown) {
    if (thrown instanceof LonghaulError) return undefined;
    throw thrown;
  }
}

/** Run ids are the host's: of several workspaces there, each may have started the run. */
function jobKey(meta: ResourceMeta): string | undefined {
  const identity = parseIfOurs(meta);
  if (identity === undefined) return undefined;
  const { databricksInstance: instance, runId } = identity;
  const host = parseOrigin(instance.includes('://') ? instance : `https://${instance}`)?.host;
  return `${host ?? instance}/${runId}`;
}

function parseIfOurs(meta: ResourceMeta): DatabricksJobMetadata | undefined {
  try {
    return DatabricksJobMetadata.parse(meta);
  } catch (thrown) {
    if (thrown instanceof LonghaulError) return undefined;
    throw thrown;
  }
}

async function findRun(
  clients: DatabricksClients,
  reference: JobReference,
  call: CallContext,
): Promise<FoundJob> {
  const { externalId, meta } = reference;
  assertRunId(externalId);
  const client = await clientFor(clients, reference, call);
  const known = meta === undefined ? undefined : DatabricksJobMetadata.parse(meta);
  const run = await readWithRepair(client, { externalId, known }, notInTurn(call));
  assertWholeRun(run.raw, externalId);
  const { workspace } = client;
  const kept = keptName(workspace, clients.directory());
  const found = toFoundJob({ workspace, kept }, run.raw, externalId);
  if (known === undefined || meta === undefined) return found;
  if (!isFromBeforeRepair({ run, meta: known })) return { ...found, meta };
  return { ...found, meta, phase: 'QUEUED', isTerminal: false };
}

interface KnownRun {
  readonly externalId: string;
  readonly known: DatabricksJobMetadata | undefined;
}

/** One that has ended and was repaired is read once more, so that state and repairs are of one moment. */
async function readWithRepair(
  client: DatabricksClient,
  { externalId, known }: KnownRun,
  call: RequestContext,
): Promise<Run> {
  const run = await readRun(client, externalId, call);
  const isRepaired = typeof known?.latestRepairId === 'string';
  return isRepaired && isEnded(run) ? readRunWithHistory(client, externalId, call) : run;
}

async function clientFor(
  clients: DatabricksClients,
  { place, meta }: JobReference,
  call: CallContext,
): Promise<DatabricksClient> {
  if (meta !== undefined) return accessForRun(DatabricksJobMetadata.parse(meta), call, clients);
  const { taskExecution } = call;
  const wish = taskExecution === undefined ? {} : { asker: { project: taskExecution.project } };
  return clients.find(place, undefined, wish);
}

/** A task's run has an id of its own, which `runs/get` takes too: only the run it belongs to can be followed. */
function assertWholeRun(raw: JsonObject, externalId: string): void {
  const parent = textAt(raw, 'job_run_id') ?? externalId;
  if (parent === externalId) return;
  throw invalidTask('run', `is one task of run ${parent}; name that one`, externalId);
}

/** Where a run was seen. */
interface SeenIn extends Pick<DatabricksClient, 'workspace'> {
  readonly kept: Pick<DatabricksJobMetadata, 'workspace'>;
}

function toMarkedJob(from: SeenIn, run: JsonObject): FoundJob | undefined {
  const runId = textAt(run, 'run_id');
  if (runId === undefined || readMarker(textAt(run, 'run_name') ?? '') === undefined) return undefined;
  return toFoundJob(from, run, runId);
}

function toFoundJob({ workspace, kept }: SeenIn, run: JsonObject, runId: string): FoundJob {
  const name = textAt(run, 'run_name');
  const marker = readMarker(name ?? '');
  const startedAt = numberAt(run, 'start_time');
  const { phase, isTerminal } = mapRunState(readRunState(run), []);
  return {
    meta: { ...createMetadata(toInstance(workspace.host), runId, false), ...kept },
    externalId: runId,
    place: workspace.name,
    phase,
    isTerminal,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(name === undefined ? {} : { name }),
    ...(marker === undefined ? {} : { marker }),
  };
}
