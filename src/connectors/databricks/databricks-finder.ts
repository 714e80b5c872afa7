import {
  invalidTask,
  LonghaulError,
  type CallContext,
  type FoundJob,
  type JobFinder,
  type JobReference,
  type JsonObject,
  type TaskOrJob,
} from '../../connector';
import { listActiveRuns, readRun } from './databricks-api';
import type { DatabricksClient } from './databricks-client';
import type { DatabricksClients } from './databricks-clients';
import type { WorkspaceDirectory } from './databricks-directory';
import { numberAt, textAt } from './databricks-json';
import { createMetadata, DatabricksJobMetadata } from './databricks-metadata';
import { markerOf, readMarker } from './databricks-request';
import { mapRunState, readRunState } from './databricks-state';
import { workspaceOf } from './databricks-task';
import { toInstance } from './databricks-workspace';

/** Finds runs by their ids, and by the mark that `nameWithToken` puts into the names of submitted ones. */
export function createFinder(clients: DatabricksClients, directory: () => WorkspaceDirectory): JobFinder {
  return {
    markerOf,
    checkReference: ({ externalId }) => assertRunId(externalId),
    places: () => directory().workspaces.map(({ name }) => name),
    placeOf: (about) => placeOf(directory(), about),
    find: (reference, call) => findRun(clients, reference, call),
    listMarked: async ({ place, pageToken }, call) => {
      const client = clients.find(place);
      const { runs, nextPageToken } = await listActiveRuns(client, pageToken, call);
      const jobs = runs.flatMap((run) => toMarkedJob(client, run) ?? []);
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
    const selector =
      'meta' in about
        ? DatabricksJobMetadata.parse(about.meta).databricksInstance
        : workspaceOf(about.template);
    return directory.resolveHost(selector).name;
  } catch (thrown) {
    if (thrown instanceof LonghaulError) return undefined;
    throw thrown;
  }
}

async function findRun(
  clients: DatabricksClients,
  { externalId, place }: JobReference,
  call: CallContext,
): Promise<FoundJob> {
  assertRunId(externalId);
  const client = clients.find(place);
  const { raw } = await readRun(client, externalId, call);
  assertWholeRun(raw, externalId);
  return toFoundJob(client, raw, externalId);
}

/** A task's run has an id of its own, which `runs/get` takes too: only the run it belongs to can be followed. */
function assertWholeRun(raw: JsonObject, externalId: string): void {
  const parent = textAt(raw, 'job_run_id') ?? externalId;
  if (parent === externalId) return;
  throw invalidTask('run', `is one task of run ${parent}; name that one`, externalId);
}

function toMarkedJob(client: DatabricksClient, run: JsonObject): FoundJob | undefined {
  const runId = textAt(run, 'run_id');
  if (runId === undefined || readMarker(textAt(run, 'run_name') ?? '') === undefined) return undefined;
  return toFoundJob(client, run, runId);
}

function toFoundJob({ workspace }: DatabricksClient, run: JsonObject, runId: string): FoundJob {
  const name = textAt(run, 'run_name');
  const marker = readMarker(name ?? '');
  const startedAt = numberAt(run, 'start_time');
  const { phase, isTerminal } = mapRunState(readRunState(run), []);
  return {
    meta: createMetadata(toInstance(workspace.host), runId, false),
    externalId: runId,
    place: workspace.name,
    phase,
    isTerminal,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(name === undefined ? {} : { name }),
    ...(marker === undefined ? {} : { marker }),
  };
}
